"""The floor of ten seconds, over the moments that really come (overview, limits)."""

from datetime import UTC, datetime
from typing import Final

from cloudassist import limits
from cloudassist.expressions.expression import Expression
from cloudassist.expressions.fault import Fault

LOOKED_AT: Final = 10_000
"""Moments that are looked at, the most: at the floor, more than a day."""
ROUND_MS: Final = 24 * 3600 * 1000
"""Milliseconds after which every time of a day has been seen."""
_FEWEST: Final = 100
"""Moments that are looked at in any case: days that are rare may follow each other, as the 31st and the 1st."""


def check_gaps(expression: Expression, now: int) -> None:
    """Raise Fault where two moments in a row are less than ten seconds apart; it names the first two such."""
    first = previous = expression.after(now, now)
    for number in range(LOOKED_AT):
        if previous is None or first is None or (number > _FEWEST and previous - first > ROUND_MS):
            return
        following = expression.after(previous, now)
        if following is not None and following - previous < 1000 * limits.INTERVAL_SECONDS:
            raise Fault(
                0,
                f"it comes {(following - previous) // 1000} s after itself at {_shown(following)}; "
                f"the shortest interval is {limits.INTERVAL_SECONDS} s",
            )
        previous = following


def _shown(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
