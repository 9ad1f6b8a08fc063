"""``rate(<number><s|m|h|d>)``: every so often."""

import re
from dataclasses import dataclass
from typing import Final, Self

from cloudassist import limits
from cloudassist.expressions.expression import Expression, Passed
from cloudassist.expressions.fault import Fault

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WORDS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_CONTENT: Final = re.compile(r"\s*(\d{1,9})([smhd])\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rate(Expression):
    """Every ``number`` of a unit, counted from the creation of the task; the first time one interval after it."""

    number: int
    unit: str

    @classmethod
    def parse(cls, content: str, _zone: str) -> Self:
        """Read what stands in the brackets; raises Fault."""
        found = _CONTENT.fullmatch(content)
        if not found:
            raise Fault(len("rate("), f"{content!r} is not a whole number and one of s, m, h, d, as in rate(30s)")
        rate = cls(int(found[1]), found[2].lower())
        if not limits.INTERVAL_SECONDS <= rate.seconds <= limits.RATE_SECONDS:
            raise Fault(
                len("rate("),
                f"{rate.seconds} s are outside of {limits.INTERVAL_SECONDS} s to {limits.RATE_SECONDS} s (7 days)",
            )
        return rate

    @property
    def seconds(self) -> int:
        """Return the interval."""
        return self.number * _SECONDS[self.unit]

    @property
    def sentence(self) -> str:
        """Say it in words."""
        word = _WORDS[self.unit]
        return f"Every {word}" if self.number == 1 else f"Every {self.number} {word}s"

    def after(self, moment: int, anchor: int) -> int:
        """Return the next multiple of the interval; the anchor itself is none."""
        interval = 1000 * self.seconds
        return anchor + max(1, (moment - anchor) // interval + 1) * interval

    def passed(self, due: int, now: int, _anchor: int) -> Passed:
        """Count without going through them."""
        interval = 1000 * self.seconds
        further = max(0, (now - due) // interval)
        return Passed(1 + further, due + further * interval)
