"""The agent's process as its daemon sees it: found by its lock, looked at, started and ended."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psutil

from cloudassist_agent import signs
from cloudassist_agent.daemon.judge import Look
from cloudassist_agent.scripts import posix
from cloudassist_agent.settings import AgentSettings

DUMP_SECONDS: Final = 2.0
"""Seconds that an agent that hangs gets to say where, before it is killed."""
KILLED_SECONDS: Final = 10.0
"""Seconds to wait for a killed process to be gone."""
_LOOK_SECONDS: Final = 0.05


@dataclass(slots=True)
class _Seen:
    """What was seen of a process at the last look."""

    process: psutil.Process
    cpu_seconds: float
    at: float


class ClientProcess:
    """One agent's process. ``command`` starts it; it goes on when the daemon ends, and is found again by its lock."""

    ends_with_daemon = True
    """Whether the end of the daemon is the end of the agent, too."""
    knows_its_end = True
    """Whether an agent that ended before it held its folder is known to have ended."""

    def __init__(self, settings: AgentSettings, command: Sequence[str]) -> None:
        self._lock_file = settings.lock_file
        self._signs_file = settings.signs_file
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._seen: _Seen | None = None

    def find(self) -> int | None:
        """Return the process id of the agent that holds the folder, whoever started it; None where there is none."""
        try:
            with self._lock_file.open("r+") as file:
                return posix.holder(file)
        except FileNotFoundError:
            return None

    @property
    def starting(self) -> bool:
        """Tell whether a process was started that has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def lives(self) -> bool:
        """Tell whether there is an agent, also one that has let go of the folder and has not quite ended yet."""
        return self.starting or self.find() is not None or (self._seen is not None and _runs(self._seen.process))

    def start(self) -> None:
        """Start one, in a session of its own: a Ctrl-C is the daemon's to pass on."""
        self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603

    def ending(self) -> str:
        """Return how the last one that was started has ended."""
        code = None if self._child is None else self._child.poll()
        if code is None:
            return "it is not running"
        return (
            f"it ended with exit code {code}" if code >= 0 else f"it was ended by signal {signal.Signals(-code).name}"
        )

    def look(self, pid: int, *, age: float, is_late: bool) -> Look | None:
        """Return what is to be seen of an agent; None where it is gone, or not there yet."""
        try:
            process = psutil.Process(pid)
            times, memory = process.cpu_times(), process.memory_info()
            promised = signs.read(self._signs_file)
        except (psutil.Error, OSError):
            return None
        now, used = time.monotonic(), times.user + times.system
        before, self._seen = self._seen, _Seen(process, used, now)
        percent = 0.0
        if before is not None and before.process == process and now > before.at:
            percent = 100 * (used - before.cpu_seconds) / (now - before.at)
        return Look(now, age, percent, memory.rss, promised, is_late)

    def term(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def kill(self, *, dump: bool) -> None:
        """End it; ``dump``: let it say at first what its threads are doing (faulthandler)."""
        pid = self._pid()
        if pid is None:
            return
        if dump:
            self._send(signal.SIGABRT)
            self._wait_gone(pid, DUMP_SECONDS)
        self._send(signal.SIGKILL)
        self._wait_gone(pid, KILLED_SECONDS)

    def _pid(self) -> int | None:
        return self._child.pid if self._child is not None and self.starting else self.find()

    def _send(self, number: signal.Signals) -> None:
        pid = self._pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _wait_gone(self, pid: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and (self.find() == pid or self._is_child(pid)):
            time.sleep(_LOOK_SECONDS)

    def _is_child(self, pid: int) -> bool:
        return self.starting and self._child is not None and self._child.pid == pid


def _runs(process: psutil.Process) -> bool:
    """Tell whether a process, and not a later one with its id, runs; its parent may reap it late."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class UnitProcess(ClientProcess):
    """The same where systemd starts the agent: it is asked to, and restarts what has ended by itself."""

    ends_with_daemon = False
    knows_its_end = False

    def __init__(self, settings: AgentSettings, unit: str) -> None:
        super().__init__(settings, ["systemctl", "start", "--no-block", unit])

    def ending(self) -> str:
        """Return what is known of its end."""
        return "it is not running"
