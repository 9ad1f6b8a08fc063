"""The process of one script: started in a session of its own, followed until it ends, is stopped, or runs too long."""

import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cloudassist_agent import tree
from cloudassist_agent.capture import Capture
from cloudassist_agent.running import Run

STARTED_AFTER_SECONDS: Final = 0.25
"""Seconds after which a script that still runs is reported as started; a shorter one sends one report in all."""
LATE_OUTPUT_SECONDS: Final = 0.2
"""Seconds that output is still taken after the script's end, from children that hold the pipe."""
UMASK: Final = 0o022
"""What a script's files are not allowed, as at a login; the agent's own mask is stricter in some installations."""
_READ_BYTES: Final = 64 * 1024


class Ending(StrEnum):
    """Why a script ended."""

    EXIT = "exit"
    STOP = "stop"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: after ``seconds``, with ``exit_code`` (128 + n for signal n), ``ended`` processes ended."""

    ending: Ending
    exit_code: int
    seconds: float
    ended: int


class ScriptProcess:
    """One script's process. ``capture`` takes what it and its children write."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: dict[str, str], record_id: str, capture: Capture
    ) -> None:
        self._record_id = record_id
        self._capture = capture
        self._begun = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - running scripts is what this is for
            command,
            cwd=folder,
            env={**environment, tree.MARK: record_id},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=UMASK,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)

    @property
    def pid(self) -> int:
        """Return the process id, which is also that of its session."""
        return self._process.pid

    def follow(self, run: Run, *, timeout: float, grace: float, on_lasting: Callable[[], None]) -> Ended:
        """Take output until the script has ended; end it when asked to, or after ``timeout`` seconds.

        ``on_lasting`` is called once, when the script has run for a quarter of a second.
        """
        ending = self._wait(run, timeout, on_lasting)
        seconds = time.monotonic() - self._begun
        ended = 0
        if ending is not Ending.EXIT:
            # Its output goes on being taken meanwhile: a full pipe must not keep the script from ending.
            ended = tree.end(self._record_id, self.pid, grace, self._idle)
            seconds = timeout if ending is Ending.TIMEOUT else time.monotonic() - self._begun
        code = self._process.wait()
        self._drain(LATE_OUTPUT_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return Ended(ending, code if code >= 0 else 128 - code, seconds, ended)

    def _wait(self, run: Run, timeout: float, on_lasting: Callable[[], None]) -> Ending:
        exited = os.pidfd_open(self.pid)
        poll = select.poll()
        for descriptor in (self._pipe, exited, run.fileno()):
            poll.register(descriptor, select.POLLIN)
        lasting = False
        try:
            while True:
                elapsed = time.monotonic() - self._begun
                if not lasting and elapsed >= STARTED_AFTER_SECONDS:
                    lasting = True
                    on_lasting()
                if elapsed >= timeout:
                    return Ending.TIMEOUT
                next_moment = timeout if lasting else min(timeout, STARTED_AFTER_SECONDS)
                ready = {descriptor for descriptor, _ in poll.poll(1000 * (next_moment - elapsed) + 1)}
                if self._pipe in ready and not self._read():
                    poll.unregister(self._pipe)
                if exited in ready:
                    return Ending.EXIT
                if run.fileno() in ready:
                    return Ending.STOP
        finally:
            os.close(exited)

    def _drain(self, seconds: float) -> None:
        """Take what comes in so many seconds, or until nobody holds the pipe any more."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._pipe], [], [], left)
            if ready and not self._read():
                return

    def _idle(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self._drain(seconds)
        self._process.poll()
        time.sleep(max(0.0, deadline - time.monotonic()))

    def _read(self) -> bool:
        """Take what is there; False at the end of the output."""
        try:
            data = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return True
        self._capture.feed(data)
        return bool(data)
