"""How thick reports come: whether an aggregator had better let some gather before it looks again.

A turn costs as much for one report as for ten, of the aggregator's time and of the server's. Where few come, each is
applied at once; where many come without end, waiting for a few more delays nobody noticeably, and the server has time
for what else is asked of it.
"""

import time
from collections.abc import Callable
from typing import Final

THICK_PER_SECOND: Final = 500.0
"""Reports per second above which they are let gather."""
SPAN_SECONDS: Final = 0.25
"""Seconds over which that is counted."""
GATHERING_SECONDS: Final = 0.01
"""Seconds for which reports are let gather."""
GATHERED: Final = 50
"""Reports of one turn that are enough: after so many there is no rest."""


class Pace:
    """Counts what comes; ``clock`` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._count = 0
        self._is_thick = False

    def rest(self, count: int) -> float:
        """Note a turn's reports; return the seconds to rest before the next turn."""
        self._count += count
        seconds = self._clock() - self._begun
        if seconds >= SPAN_SECONDS:
            self._is_thick = self._count >= THICK_PER_SECOND * seconds
            self._begun += seconds
            self._count = 0
        return GATHERING_SECONDS if self._is_thick and count < GATHERED else 0.0
