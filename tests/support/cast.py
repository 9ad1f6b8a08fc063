"""Who plays in a round: the processes of a stack, and beside it those that a stack has no word for.

Those beside it are the agents, a control worker and a beat, each at the far end of a network of its own. One agent runs
under its daemon, one has a small disk for its scripts, and one has a wrong clock, as have the control worker and the
beat.
"""

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cloudassist import LocalStack, topology
from cloudassist.child import Child
from cloudassist.settings import PREFIX
from cloudassist_agent.scripts import posix
from support import clocks
from support.agents import RUN, with_login
from support.disks import mounted
from support.proxy import Proxy, proxy
from support.waiting import wait_until

PLAIN, WRONG, SMALL, WATCHED = NAMES = ["web-1", "web-2", "web-3", "web-4"]
"""The instances: nothing special, its clock is wrong, its disk is small, its daemon watches over it."""
ROLES = ("server", "control", "dispatch", "beat", "agent")
"""The roles whose processes whoever kills them starts again."""
WATCH = (sys.executable, "-m", "cloudassist_agent", "watch")
URL = f"{PREFIX}URL"
READY_SECONDS = 30.0
END_SECONDS = 10.0


@dataclass
class Part:
    """One process of a role; whoever does something to it holds its lock meanwhile."""

    name: str
    role: str
    send: Callable[[signal.Signals], object]
    start: Callable[[], object]
    runs: Callable[[], bool]
    lock: threading.RLock = field(default_factory=threading.RLock)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it up for a while."""
        with self.lock:
            self.send(signal.SIGSTOP)
            try:
                yield
            finally:
                self.send(signal.SIGCONT)


class Cast:
    """The processes of a round; a context manager inside that of a stack that has no instances and one of each role."""

    def __init__(self, stack: LocalStack, folder: Path, clock_seconds: int) -> None:
        self.stack = stack
        self.parts: list[Part] = []
        self.networks: dict[str, Proxy] = {}
        self.execution_paths = {name: folder / f"scripts-{name}" for name in NAMES}
        self.disk: Path | None = self.execution_paths[SMALL]
        """The small disk; None where none could be made."""
        shifted = clocks.shifted_by_libfaketime if clocks.LIBFAKETIME else clocks.shifted_by_python
        clocks.shift(folder / "site", clock_seconds)
        self._wrong_clock = shifted(folder / "site")
        self._children: dict[str, Child] = {}
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def of(self, role: str) -> list[Part]:
        """Return the processes of a role."""
        return [part for part in self.parts if part.role == role]

    def agent(self, name: str) -> Part:
        """Return the agent of an instance."""
        (found,) = (part for part in self.parts if part.name == topology.worker_name(name))
        return found

    def wait_online(self, seconds: float) -> None:
        """Wait until every process works and every instance is there."""
        self.stack.wait_ready(seconds)
        for name in ("control-2", "beat-2"):
            wait_until(self._children[name].is_ready, f"{name} to be ready", seconds)
        with self.stack.assistant() as assistant:
            for name in NAMES:
                wait_until(
                    lambda name=name: len(assistant.describe_instances([name], online=True)), f"{name} online", seconds
                )

    def left(self) -> list[Path]:
        """Return what scripts have left where they were put."""
        return [path for folder in self.execution_paths.values() for path in folder.iterdir()]

    def _begin(self) -> None:
        failure = self._closing.enter_context(mounted(self.execution_paths[SMALL], "size=256k"))
        if failure:
            self.disk = None
        for name in NAMES:
            self.execution_paths[name].mkdir(exist_ok=True)
        self._add_stack()
        self._add_control()
        for name in NAMES:
            self._add_agent(name)
        self._closing.callback(self._end)
        for child in self._children.values():
            child.start()
        self.wait_online(READY_SECONDS)

    def _add_stack(self) -> None:
        for name in self.stack.processes:
            self.parts.append(
                Part(
                    name,
                    name.partition("-")[0],
                    send=functools.partial(self.stack.kill, name),
                    start=functools.partial(self.stack.start, name),
                    runs=lambda name=name: self.stack.processes[name].poll() is None,
                )
            )

    def _add_control(self) -> None:
        role_of = (sys.executable, "-m", "cloudassist.role")
        for role, app, words, ready in (
            ("control", "cloudassist", ("worker", "-n", "control-2@%h"), " ready."),
            ("beat", "cloudassist_beat", ("beat",), "beat: Starting"),
        ):
            environment = self._far(f"{role}-2", self.stack.environment(role)) | self._wrong_clock
            self._add(f"{role}-2", role, (*role_of, app, *words, "--loglevel=INFO"), environment, ready)

    def _add_agent(self, name: str) -> None:
        own = {"INSTANCE_ID": name, "EXECUTION_PATH": str(self.execution_paths[name]), "WATCH_SECONDS": "0.3"}
        environment = self._far(name, self.stack.admit(name)) | {PREFIX + key: value for key, value in own.items()}
        if name == WRONG:
            environment |= self._wrong_clock
        if name == WATCHED:
            self._add("daemon", "daemon", WATCH, environment, " ready.")
            agent = topology.worker_name(name)
            self.parts.append(Part(agent, "watched", self._signal_watched, start=lambda: None, runs=self._is_watched))
        else:
            self._add(topology.worker_name(name), "agent", RUN, environment, " ready.")

    def _add(self, name: str, role: str, command: tuple[str, ...], given: Mapping[str, str], ready: str) -> None:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        child = Child(name, command, {**ours, **given}, self.stack.data_dir / "logs" / f"{name}.log", ready)
        self._children[name] = child
        self.parts.append(Part(name, role, child.send, child.start, runs=lambda: child.running))

    def _far(self, name: str, given: dict[str, str]) -> dict[str, str]:
        """Put a process at the far end of a network of its own; return its settings."""
        network = self.networks[name] = self._closing.enter_context(proxy(self.stack.port))
        return given | {URL: with_login(network.url, given[URL])}

    def _is_watched(self) -> bool:
        return self._watched_agent() is not None

    def _watched_agent(self) -> int | None:
        """Return the process id of the agent that its daemon watches over; None where it does not run."""
        try:
            with (self.stack.data_dir / "state" / "agents" / WATCHED / "lock").open("r+") as file:
                return posix.holder(file)
        except FileNotFoundError:
            return None

    def _signal_watched(self, number: signal.Signals) -> None:
        pid = self._watched_agent()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _end(self) -> None:
        for child in self._children.values():
            child.send(signal.SIGTERM)
        for child in self._children.values():
            child.finish(END_SECONDS)
        # A daemon that had to be killed leaves the agent that it had found, and not started.
        self._signal_watched(signal.SIGKILL)
