"""The machines of a local stack whose instances come in as others do: each shows the code of an activation."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cloudassist.child import Child, StackError
from cloudassist.models.activation import Activation
from cloudassist.settings import PREFIX

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

    def enrol(self, names: Sequence[str], activation: Activation, environ: Mapping[str, str], seconds: float) -> None:
        """Enrol a machine by each name, side by side; raises StackError where one is not in so many seconds."""
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
