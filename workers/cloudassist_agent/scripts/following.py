"""Following a script while it runs: when it is told that it lasts, and what it has written meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cloudassist import limits
from cloudassist_agent.scripts.capture import Capture
from cloudassist_agent.scripts.toll import Toll

STARTED_AFTER_SECONDS: Final = 0.25
"""Seconds after which a script that still runs is reported as started; a shorter one sends one report in all."""
CHUNK_SECONDS: Final = 1.0
"""Seconds between two chunks of live output, the least (API d.5)."""
LATE_OUTPUT_SECONDS: Final = 0.2
"""Seconds that output is still taken after the script's end, from children that hold the pipe (API d.4)."""


class Ending(StrEnum):
    """Why a script ended."""

    EXIT = "exit"
    STOP = "stop"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: after ``seconds``, with ``exit_code`` (128 + n for signal n; None where it hangs).

    ``toll`` counts the processes that a stop or a timeout had to end.
    """

    ending: Ending
    exit_code: int | None
    seconds: float
    toll: Toll


class Follower:
    """Tells once that a script lasts, and from then on what it has written, at most once a second.

    ``on_lasting`` is told the process id; ``on_output`` the position of the first byte, and bytes; ``promise`` is told
    within how many seconds there will be a sign of life again.
    """

    def __init__(
        self,
        on_lasting: Callable[[int], None],
        on_output: Callable[[int, bytes], None],
        promise: Callable[[float], object] = lambda _: None,
    ) -> None:
        self.promise = promise
        self._on_lasting = on_lasting
        self._on_output = on_output
        self._next = STARTED_AFTER_SECONDS
        self._lasts = False
        self._told = 0

    def turn(self, elapsed: float, pid: int, capture: Capture) -> float:
        """Tell what there is to tell ``elapsed`` seconds after the start; return at which second to look again."""
        if elapsed >= self._next:
            self._next = elapsed + CHUNK_SECONDS
            if not self._lasts:
                self._lasts = True
                self._on_lasting(pid)
            if capture.total > self._told:
                self._on_output(*capture.since(self._told, limits.CHUNK_BYTES))
                self._told = capture.total
        self.promise(self._next - elapsed)
        return self._next
