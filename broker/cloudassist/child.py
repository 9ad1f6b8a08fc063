"""One process of a local stack: started by its command line, logged to a file, ready when its log says so."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from cloudassist.errors import CloudAssistError

LOG_LINES: Final = 15
"""Lines of its log that are shown when a process ends unexpectedly."""
_PUT_OFF: Final = (signal.SIGINT, signal.SIGTERM)
_PROC: Final = Path("/proc")
_LOOK_SECONDS: Final = 0.02
_KILL_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 1.0


class StackError(CloudAssistError):
    """A process of a local stack did not come up, or ended unexpectedly."""

    def __init__(self, message: str) -> None:
        super().__init__("LocalStackError", message)


class Child:
    """A process that can be started again. ``ready_text`` stands in its log once it works.

    ``on_start`` is told its pid at each start, before it has done anything.
    """

    on_start: Callable[[int], object] = staticmethod(lambda _: None)

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, ready_text: str
    ) -> None:
        self.name = name
        self._command = command
        self._environment = dict(environment)
        self._log = log
        self._ready_text = ready_text
        self._log_start = 0
        self._strays: dict[int, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in a session of its own, so that a Ctrl-C in the terminal reaches only whoever started the stack."""
        if self.running:
            raise StackError(f"{self.name} is running already")
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log, uninterrupted():
            self.process = subprocess.Popen(  # noqa: S603 - the stack's own roles
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.on_start(self.process.pid)
        return self.process

    @property
    def running(self) -> bool:
        """Tell whether it runs."""
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Tell whether it works; raises StackError where it has ended."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        if self._ready_text in text:
            return True
        if not self.running:
            code = None if self.process is None else self.process.returncode
            last = "\n".join(text.splitlines()[-LOG_LINES:])
            raise StackError(f"{self.name} ended with exit code {code}; the end of {self._log}:\n{last}")
        return False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal. Before it is killed, note what it started: nobody else will end that."""
        if self.process is None or not self.running:
            return
        if number == signal.SIGKILL:
            self._strays |= _descendants(self.process.pid)
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait(_KILL_SECONDS)

    def finish(self, seconds: float) -> None:
        """See to it that it has ended in so many seconds, after a SIGTERM that was sent before.

        A second one after a while makes an agent end its scripts; after that it is killed, with what it left behind.
        """
        deadline = time.monotonic() + seconds
        if not self._ended_by(time.monotonic() + _PATIENCE_SECONDS):
            self.send(signal.SIGTERM)
        if not self._ended_by(deadline):
            self.send(signal.SIGKILL)
        for pid, start in self._strays.items():
            # It may end by itself between the look and the kill.
            with contextlib.suppress(ProcessLookupError):
                if _start_time(pid) == start:
                    os.kill(pid, signal.SIGKILL)
        self._strays.clear()

    def _ended_by(self, deadline: float) -> bool:
        while self.running and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return not self.running


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put SIGINT and SIGTERM off to the end of the block: a process that is just being started must not be forgotten.

    Signals reach the main thread only, so in another one there is nothing to put off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in _PUT_OFF}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in dict.fromkeys(came):
            signal.raise_signal(late)


def _descendants(pid: int) -> dict[int, str]:
    """Return the pids below a process, each with its start time, which tells it from a later one."""
    parents = {int(entry.name): _stat(int(entry.name))[1:2] for entry in _PROC.iterdir() if entry.name.isdecimal()}
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        parent = str(waiting.pop())
        for child, parent_of_child in parents.items():
            if parent_of_child == [parent] and child not in found:
                found[child] = _start_time(child)
                waiting.append(child)
    return found


def _start_time(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _stat(pid: int) -> list[str]:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
