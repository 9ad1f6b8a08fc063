"""A whole installation on this machine, for trials, tests and benchmarks.

Real processes throughout: an embedded Valkey server, control workers, dispatch, beats, and an agent per instance, each
started by its command line and logged to a file of its own::

    with LocalStack(instances=3) as stack:
        with stack.assistant() as assistant:
            assistant.run_command("uptime", instance_ids=stack.instance_ids).wait(30)
"""

import fcntl
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self

from cloudassist import access, installation, topology
from cloudassist.child import Child, StackError, uninterrupted
from cloudassist.client import Assistant
from cloudassist.embedded import HOST, SERVER_ENVIRONMENT, EmbeddedServer, free_port
from cloudassist.hosting import SCRIPTS_PER_HOST, hosted_together, keep_to_one_processor
from cloudassist.machines import Machines
from cloudassist.settings import PREFIX, Settings, read
from cloudassist.store import instances as instance_calls
from cloudassist.store.ledger import Ledger

READY_SECONDS: Final = 30.0
"""Seconds in which a stack has to come up."""
STOP_SECONDS: Final = 10.0
"""Seconds that a process gets to end before it is killed."""

_LOOK_SECONDS: Final = 0.02
_READY: Final = " ready."
_ROLE: Final = (sys.executable, "-m", "cloudassist.role")
_LOGGED: Final = "--loglevel=INFO"


class LocalStack:
    """The installation. A context manager; ``data_dir`` None means a temporary folder that is removed at the end.

    ``instances`` is a number (web-1, web-2, …) or the ids. ``simulated`` has one process stand for many of them.
    With ``enrol`` its instances come in as others do: a worker of that role runs, and each machine shows the code of an
    activation. ``environment`` adds settings for all roles. ``port`` is the server's; ``address`` (a URL without a
    user) is where the roles reach it, if that is elsewhere. ``listen`` (HOST:PORT) lets other machines reach it there.
    """

    def __init__(
        self,
        instances: int | Sequence[str] = 3,
        *,
        control: int = 1,
        beats: int = 1,
        flower: bool = False,
        data_dir: Path | str | None = None,
        simulated: bool = False,
        enrol: bool = False,
        environment: Mapping[str, str] | None = None,
        address: str = "",
        listen: str = "",
    ) -> None:
        names = [f"web-{number}" for number in range(1, instances + 1)] if isinstance(instances, int) else instances
        self.instance_ids = [topology.check_instance_id(name) for name in names]
        self._temporary = data_dir is None
        self.data_dir = Path(tempfile.mkdtemp(prefix="cloudassist-") if data_dir is None else data_dir).resolve()
        self._control, self._beats, self._flower, self._simulated = control, beats, flower, simulated
        self._enrol = enrol
        self._extra = dict(environment or {})
        self._lock: IO[str] | None = None
        self._server = EmbeddedServer(self.data_dir / "server", address, listen)
        self._machines = Machines(self.data_dir, self._server.address)
        self._flower_port = free_port()
        self._children: dict[str, Child] = {}

    @property
    def _hosted_together(self) -> int:
        return hosted_together(len(self.instance_ids)) if self._simulated else 1

    @property
    def url(self) -> str:
        """Return the server's URL for whoever may do everything; each role has a user of its own."""
        return self._server.url

    @property
    def port(self) -> int:
        """Return the server's port."""
        return self._server.port

    @property
    def flower_url(self) -> str:
        """Return Flower's URL."""
        return f"http://{HOST}:{self._flower_port}"

    @property
    def processes(self) -> dict[str, subprocess.Popen[bytes]]:
        """Return the processes that were started, by name: server, control-1, dispatch-1, beat-1, agent@web-1 …."""
        return {name: child.process for name, child in self._children.items() if child.process is not None}

    @property
    def settings(self) -> Settings:
        """Return the settings of a producer of this stack."""
        return read(Settings, self.environment("producer"))

    def assistant(self) -> Assistant:
        """Return a producer's connection to this stack."""
        return Assistant(settings=self.settings)

    def environment(self, role: str, instance_id: str = "") -> dict[str, str]:
        """Return the settings that a process of this role gets, keys included: each only those that it needs.

        ``role`` is one of access.Role; an agent is that of an instance, which was admitted.
        """
        keys = self.data_dir / "keys"
        signing = {"SIGNING_KEY": str(keys / "signing.key")}
        trust = {"TRUST_FILE": str(keys / "trust")}
        report = trust | {"REPORT_KEY": str(keys / "report.key"), "KEY_SET": str(keys / "key-set")}
        own = {
            "admin": signing | report | {"ROOT_KEY": str(keys / "root.key")},
            "producer": signing | trust,
            "dispatch": signing | trust | {"ROLE": "dispatch"},
            "control": report,
            "flower": {"ROLE": "flower"},
            "enrol": {"ROLE": "enrol", "INSTANCES_REMOTE_CONTROL": "yes"},
            "agent": {"TRUST": (keys / "trust").read_text().strip()} if role == "agent" else {},
        }.get(role, {})
        if role == access.Role.AGENT and self._enrol and instance_id in self.instance_ids:
            return self._machines.environment(instance_id) | self._extra
        user = self._agent(instance_id).name if role == access.Role.AGENT else role
        common = {"URL": self._server.url_of(user), "STATE_DIR": str(self.data_dir / "state"), **own}
        return {PREFIX + name: value for name, value in common.items()} | self._extra

    def admit(self, instance_id: str) -> dict[str, str]:
        """Give one more instance a user of its own at the server; return the settings of its agent."""
        self._server.admit(self._agent(topology.check_instance_id(instance_id)))
        return self.environment("agent", instance_id)

    @property
    def address(self) -> str:
        """Return the server's URL without a login: what a machine is told that is to be enrolled."""
        return self._server.address

    def start(self, name: str) -> None:
        """Start a process of the stack again; it is not waited for (:meth:`wait_ready`)."""
        self._children[name].start()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a process of the stack a signal."""
        self._children[name].send(number)

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait until every process that runs works and every instance is online; raises StackError."""
        deadline = time.monotonic() + timeout
        for child in self._children.values():
            if child.process is not None:
                _until(deadline, f"{child.name} to be ready", child.is_ready)
        with Ledger(self.url) as ledger:
            _until(deadline, "the instances to be online", lambda: self._are_online(ledger))

    def __enter__(self) -> Self:
        """Start everything and wait until it works."""
        try:
            self._prepare()
            self._children["server"].start()
            _until(time.monotonic() + READY_SECONDS, "the server to answer", self._answers)
            self._server.furnish(read(Settings, self.environment("admin")))
            self._start_all()
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.close()

    def close(self) -> None:
        """Stop every process of the stack, the server last, and remove a temporary folder."""
        with uninterrupted():
            self._close()

    def _close(self) -> None:
        others = [child for name, child in self._children.items() if name != "server"]
        for child in others:
            child.send(signal.SIGTERM)
        for child in others:
            child.finish(STOP_SECONDS)
        if "server" in self._children:
            self._children["server"].send(signal.SIGTERM)
            self._children["server"].finish(STOP_SECONDS)
        if self._lock is not None:
            self._lock.close()
        if self._temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def _start_all(self) -> None:
        """Start everything but the server; Flower before the agents, so that it hears them come."""
        flower = self._children.get("flower")
        if flower is not None:
            flower.start()
            _until(time.monotonic() + READY_SECONDS, "flower to be ready", flower.is_ready)
        agents = {topology.worker_name(name) for name in self.instance_ids}
        for name, child in self._children.items():
            if name not in {"server", "flower", *agents}:
                child.start()
        if self._enrol and self.instance_ids:
            self._enrol_all()
        for name in agents & self._children.keys():
            self._children[name].start()

    def _enrol_all(self) -> None:
        """Have each instance that is not let in yet show that it was invited."""
        _until(time.monotonic() + READY_SECONDS, "the role enrol to be ready", self._children["enrol-1"].is_ready)
        with self.assistant() as assistant:
            self._machines.bring_in(self.instance_ids, assistant, _inherited(), READY_SECONDS)

    def _prepare(self) -> None:
        for folder in ("server", "logs", "keys", "state"):
            (self.data_dir / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.data_dir / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"another stack is running in {self.data_dir}") from None
        agents = [] if self._enrol else self.instance_ids[:: self._hosted_together]
        self._server.write_users(map(self._agent, agents), keeps=self._enrol)
        installation.make_keys(read(Settings, self.environment("admin")))
        self._add("server", self._server.command, SERVER_ENVIRONMENT, "Ready to accept connections")
        for number in range(1, self._control + 1):
            self._add_worker(f"control-{number}", "control")
        self._add_worker("dispatch-1", "dispatch")
        if self._enrol:
            self._add_worker("enrol-1", "enrol")
        for number in range(1, self._beats + 1):
            beat = [*_ROLE, "cloudassist_beat", "beat", _LOGGED]
            self._add(f"beat-{number}", beat, self.environment("beat"), "beat: Starting")
        if self._flower:
            options = [f"--address={HOST}", f"--port={self._flower_port}", "--logging=INFO"]
            flower = [sys.executable, "-m", "celery", "-A", "cloudassist", "flower", *options]
            self._add("flower", flower, self.environment("flower"), "Visit me at")
        self._add_agents()

    def _add_agents(self) -> None:
        size = self._hosted_together
        slots = self._extra.get(f"{PREFIX}CONCURRENCY", str(SCRIPTS_PER_HOST) if self._simulated else "0")
        for number, start in enumerate(range(0, len(self.instance_ids), size)):
            names = self.instance_ids[start : start + size]
            command = [sys.executable, "-m", "cloudassist_agent", "run"]
            own = {"INSTANCE_ID": ",".join(names), "CONCURRENCY": slots}
            environment = self.environment("agent", names[0])
            child = self._add(topology.worker_name(names[0]), command, environment, _READY, **own)
            if self._simulated:
                child.on_start = functools.partial(keep_to_one_processor, number=number)

    def _add_worker(self, name: str, role: str) -> None:
        self._add(name, [*_ROLE, "cloudassist", "worker", "-n", f"{name}@%h", _LOGGED], self.environment(role), _READY)

    def _add(
        self, name: str, command: Sequence[str], given: Mapping[str, str], ready_text: str, **settings: str
    ) -> Child:
        environment = {**_inherited(), **given, **{PREFIX + key: value for key, value in settings.items()}}
        child = Child(name, command, environment, self.data_dir / "logs" / f"{name}.log", ready_text)
        self._children[name] = child
        return child

    def _agent(self, instance_id: str) -> access.User:
        """Return the user of an agent; one that stands for many instances may be any of them."""
        return access.agent("*" if self._simulated else instance_id, remote_control=True)

    def _answers(self) -> bool:
        self._children["server"].is_ready()
        return self._server.answers()

    def _are_online(self, ledger: Ledger) -> bool:
        wanted = [name for name in self.instance_ids if self._hosted(name)]
        facts = ledger.run([instance_calls.read_public_key(name) for name in wanted])
        signs = ledger.run([instance_calls.read_presence(name) for name in wanted])
        return all(facts) and None not in signs

    def _hosted(self, instance_id: str) -> bool:
        child = self._children.get(topology.worker_name(instance_id))
        return self._simulated or (child is not None and child.running)


def _inherited() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}


def _until(deadline: float, what: str, condition: Callable[[], bool]) -> None:
    while not condition():
        if time.monotonic() >= deadline:
            raise StackError(f"waited too long for {what}")
        time.sleep(_LOOK_SECONDS)
