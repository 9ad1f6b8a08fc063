"""The process of one script: started in a session of its own, followed until it ends, is stopped, or runs too long."""

import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cloudassist_agent.scripts import tree
from cloudassist_agent.scripts.capture import Capture
from cloudassist_agent.scripts.following import LATE_OUTPUT_SECONDS, Ended, Ending, Follower
from cloudassist_agent.scripts.identity import Identity
from cloudassist_agent.scripts.running import Run
from cloudassist_agent.scripts.toll import Toll

_READ_BYTES: Final = 64 * 1024
_REAP_SECONDS: Final = 0.5
"""Seconds for what has ended to be reaped."""
UMASK: Final = 0o022
"""What a script's files are not allowed, as at a login; the agent's own mask is stricter in some installations."""


class ScriptProcess:
    """One script's process. ``capture`` takes what it and its children write."""

    def __init__(
        self, command: Sequence[str], *, user: Identity, folder: Path, record_id: str, capture: Capture
    ) -> None:
        self._record_id = record_id
        self._capture = capture
        self._begun = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - running scripts is what this is for
            user.command(command),
            cwd=folder,
            env={**user.environment(), tree.MARK: record_id},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=UMASK,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        self._pipe_is_open = True
        os.set_blocking(self._pipe, False)
        self._exited = os.pidfd_open(self.pid)

    @property
    def pid(self) -> int:
        """Return the process id, which is also that of its session."""
        return self._process.pid

    def follow(self, run: Run, follower: Follower, *, timeout: float, grace: float) -> Ended:
        """Take output until the script has ended; end it when asked to, or after ``timeout`` seconds."""
        ending = self._wait(run, timeout, follower)
        seconds = time.monotonic() - self._begun
        toll = Toll()
        if ending is not Ending.EXIT:
            # Its output goes on being taken meanwhile: a full pipe must not keep the script from ending.
            follower.promise(grace + tree.UNKILLABLE_SECONDS)
            since = tree.begun(self.pid)
            toll = tree.end(self._record_id, self.pid, grace, since=since, idle=self._idle)
            seconds = timeout if ending is Ending.TIMEOUT else time.monotonic() - self._begun
        code = self._exit_code()
        self._drain(LATE_OUTPUT_SECONDS)
        os.close(self._exited)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return Ended(ending, code, seconds, toll)

    def _wait(self, run: Run, timeout: float, follower: Follower) -> Ending:
        while True:
            elapsed = time.monotonic() - self._begun
            if elapsed >= timeout:
                return Ending.TIMEOUT
            next_moment = min(timeout, follower.turn(elapsed, self.pid, self._capture))
            ready = self._take(next_moment - elapsed, self._exited, run.fileno())
            if self._exited in ready:
                return Ending.EXIT
            if run.fileno() in ready:
                return Ending.STOP

    def _exit_code(self) -> int | None:
        """Return the exit code; None of a process that was given up, and that a later one's start will reap."""
        try:
            code = self._process.wait(_REAP_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def _idle(self, seconds: float) -> bool:
        """Take output for so many seconds, or until the script has ended unknown to us; return whether it has."""
        deadline = time.monotonic() + seconds
        if self._process.returncode is not None:
            self._drain(seconds)
            time.sleep(max(0.0, deadline - time.monotonic()))
            return False
        while (left := deadline - time.monotonic()) > 0 and self._exited not in self._take(left, self._exited):
            pass
        return self._process.poll() is not None

    def _drain(self, seconds: float) -> None:
        """Take what comes in so many seconds, or until nobody holds the pipe any more."""
        deadline = time.monotonic() + seconds
        while self._pipe_is_open and (left := deadline - time.monotonic()) > 0:
            self._take(left)

    def _take(self, seconds: float, *others: int) -> set[int]:
        """Wait for output or for other descriptors; take the output, and return which of the others are ready."""
        poll = select.poll()
        for descriptor in (self._pipe, *others) if self._pipe_is_open else others:
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(1000 * seconds + 1)}
        if self._pipe in ready:
            self._read()
        return ready - {self._pipe}

    def _read(self) -> None:
        try:
            data = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return
        self._capture.feed(data)
        self._pipe_is_open = bool(data)
