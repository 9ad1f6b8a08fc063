"""The machines of a local stack whose instances come in as others do: each shows the code of an activation."""

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cloudassist import topology
from cloudassist.address import with_login
from cloudassist.child import Child, StackError
from cloudassist.client import Assistant
from cloudassist.errors import ConfigurationError, NotFoundError
from cloudassist.models.activation import Activation
from cloudassist.settings import PREFIX
from cloudassist.store import instances
from cloudassist.store.ledger import Ledger

_READY: Final = " enrolled at "
_LOOK_SECONDS: Final = 0.02
_STOP_SECONDS: Final = 5.0


class Machines:
    """Machines on a folder: each has a state folder of its own. ``address`` is the server's URL without a login."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._address = address

    def environment(self, instance_id: str) -> dict[str, str]:
        """Return what the machine of an instance is told; its state folder has the rest."""
        return {f"{PREFIX}URL": self._address, f"{PREFIX}STATE_DIR": str(self._folder / "state" / instance_id)}

    def bring_in(self, names: Sequence[str], assistant: Assistant, environ: Mapping[str, str], seconds: float) -> None:
        """Enrol those whose machine is not let in by what it kept; raises StackError where that takes too long."""
        strangers = [name for name in names if not self._is_let_in(name)]
        if not strangers:
            return
        for name in strangers:  # it may have been known by another key
            with contextlib.suppress(NotFoundError):
                assistant.deregister_managed_instance(name)
        activation = assistant.create_activation(instance_count=len(strangers))
        self._enrol(strangers, activation, environ, seconds)

    def _enrol(self, names: Sequence[str], activation: Activation, environ: Mapping[str, str], seconds: float) -> None:
        """Enrol a machine by each name, side by side."""
        command = [sys.executable, "-m", "cloudassist_agent", "register", "--activation-id", activation.activation_id]
        code = {f"{PREFIX}ACTIVATION_CODE": activation.activation_code}
        machines = [
            Child(
                f"register@{name}",
                [*command, "--name", name],
                {**environ, **self.environment(name), **code},
                self._folder / "logs" / f"register@{name}.log",
                _READY,
            )
            for name in names
        ]
        deadline = time.monotonic() + seconds
        try:
            for machine in machines:
                machine.start()
            while not all(machine.is_ready() for machine in machines):
                if time.monotonic() >= deadline:
                    raise StackError("waited too long for the machines to be enrolled")
                time.sleep(_LOOK_SECONDS)
        finally:
            for machine in machines:
                machine.finish(_STOP_SECONDS)

    def _is_let_in(self, name: str) -> bool:
        file = self._folder / "state" / name / "agents" / name / "password"
        try:
            password = file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return False
        with Ledger(with_login(self._address, topology.agent_user(name), password)) as ledger:
            try:
                ledger.call(instances.server_time())
            except ConfigurationError:  # the server refuses the login
                return False
            return True
