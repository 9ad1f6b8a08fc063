"""An agent whose scripts start no process; all the rest of it is as it is, their files included.

``python -m benchmarks.scriptless run`` is ``cloudassist-agent run``. A script with ``sleep`` in it lasts until it is
stopped, every other one ends at once.
"""

import os
import select
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cloudassist.child import Child
from cloudassist.local import LocalStack
from cloudassist_agent import __main__ as command_line
from cloudassist_agent import executor
from cloudassist_agent.scripts.capture import Capture
from cloudassist_agent.scripts.following import Ended, Ending, Follower
from cloudassist_agent.scripts.running import Run
from cloudassist_agent.scripts.toll import Toll

_STOPPED = 143


class ScriptlessStack(LocalStack):
    """A stack with such agents."""

    def _add(
        self, name: str, command: Sequence[str], given: Mapping[str, str], ready_text: str, **settings: str
    ) -> Child:
        replaced = ["benchmarks.scriptless" if word == "cloudassist_agent" else word for word in command]
        return super()._add(name, replaced, given, ready_text, **settings)


class NoProcess:
    """Stands where the process of a script would."""

    def __init__(self, command: Sequence[str], *, capture: Capture, **_: Any) -> None:
        self._capture = capture
        self._lasts = b"sleep" in _content(command[-1])

    def follow(self, run: Run, follower: Follower, *, timeout: float, grace: float) -> Ended:  # noqa: ARG002
        """Wait as the process of a script is waited for, if it lasts."""
        begun = time.monotonic()
        poll = select.poll()
        poll.register(run, select.POLLIN)
        while self._lasts:
            elapsed = time.monotonic() - begun
            if elapsed >= timeout:
                return Ended(Ending.TIMEOUT, _STOPPED, timeout, Toll())
            until = min(timeout, follower.turn(elapsed, os.getpid(), self._capture))
            if poll.poll(1000 * (until - elapsed) + 1):
                return Ended(Ending.STOP, _STOPPED, time.monotonic() - begun, Toll())
        return Ended(Ending.EXIT, 0, time.monotonic() - begun, Toll())


def _content(path: str) -> bytes:
    """Return the first bytes of a file, with as few calls of the system as a shell needs to open it."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 4_096)
    finally:
        os.close(file)


if __name__ == "__main__":
    executor.ScriptProcess = NoProcess  # type: ignore[misc, assignment]
    command_line.main()
