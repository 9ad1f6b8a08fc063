"""How long to wait before the server is asked again, and how often that is worth a line in the log."""

import logging
import random
import time
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.2
"""Seconds to wait after a first failure; it doubles with each further one."""
LONGEST_PAUSE_SECONDS: Final = 3.0
"""Seconds, the longest wait between two attempts: whoever waits is back soon after the server is."""
SAY_AGAIN_SECONDS: Final = 60.0
"""Seconds between two lines about the same failure."""
_DOUBLINGS: Final = 16
"""Doublings that count, the most: beyond, only the number would grow."""
_JITTER: Final = 0.3
"""Part of a pause that is left to chance, so that a fleet does not come back in one moment."""


def growing(failures: int, first: float, longest: float) -> float:
    """Return the seconds to wait after so many failures before this one: ``first``, then twice as long each time."""
    return min(longest, first * 2.0 ** min(failures, _DOUBLINGS))


class Patience:
    """Growing pauses between attempts that fail, for one thing that is tried. ``name`` stands in the log before it."""

    def __init__(self, log: logging.Logger, name: str) -> None:
        self._log = log
        self._name = name
        self._failures = 0
        self._since = 0.0
        self._said = ("", 0.0)

    @property
    def tried(self) -> bool:
        """Tell whether the last attempt failed."""
        return self._failures > 0

    def failed(self, reason: str) -> float:
        """Note a failed attempt; return the seconds to wait before the next."""
        now = time.monotonic()
        if not self._failures:
            self._since = now
        self._failures += 1
        if reason != self._said[0] or now >= self._said[1] + SAY_AGAIN_SECONDS:
            self._said = (reason, now)
            lasting = f" (for {now - self._since:.0f} s now)" if self._failures > 1 else ""
            self._log.warning("%s: %s%s; it is tried again", self._name, reason, lasting)
        pause = growing(self._failures - 1, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        return pause * (1 - _JITTER * random.random())  # noqa: S311 - no secret

    def succeeded(self) -> None:
        """Note that it works again."""
        if self._failures:
            self._log.info("%s: goes on after %.0f s", self._name, time.monotonic() - self._since)
        self._failures = 0
        self._said = ("", 0.0)
