"""When a recurring task runs: the grammar of Frequency, and the moments it stands for (API a.19); pure.

=========================================================  ============================================================
``rate(30s)`` … ``rate(7d)``                               every so often, counted from the creation of the task
``at(2027-01-31 09:30:00 [zone])``                         once
``sec min hour day-of-month month day-of-week [year]       like cron, with seconds; 1 = Monday … 7 = Sunday
[zone]``
=========================================================  ============================================================

Moments are milliseconds since the epoch. What is written in local time follows the zone's daylight saving: a time that
does not exist stands for the next moment that does, and one that comes twice for the first of the two.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from cloudassist.expressions.at import At
from cloudassist.expressions.cron import Cron
from cloudassist.expressions.expression import Expression
from cloudassist.expressions.fault import Fault
from cloudassist.expressions.gaps import check_gaps
from cloudassist.expressions.rate import Rate

__all__ = ["CHARACTERS", "At", "Expression", "Fault", "check", "parse"]

CHARACTERS: Final = 256
"""Characters of an expression, the most."""

DAY_MS: Final = 24 * 3600 * 1000

_FORMS: Final[Mapping[str, type[At | Rate]]] = {"rate": Rate, "at": At}


@lru_cache(maxsize=10_000)
def parse(text: str, zone: str) -> Expression:
    """Return what a text stands for; ``zone`` is whose time is meant where the text names none. Raises Fault."""
    if len(text) > CHARACTERS:
        raise Fault(CHARACTERS, f"it has {len(text)} characters; the limit is {CHARACTERS}")
    word, bracket, rest = text.strip().partition("(")
    if bracket:
        form = _FORMS.get(word.strip().lower())
        if form is None:
            raise Fault(0, f"{word.strip()!r} is not known; there are rate(…), at(…), and cron fields without brackets")
        content, closing, behind = rest.partition(")")
        if not closing or behind:
            raise Fault(len(text), "it must end with the one closing bracket")
        return form.parse(content, zone)
    return Cron.parse(text, zone)


def check(text: str, zone: str, now: int) -> Expression:
    """Return what a text stands for, if it may be a Frequency from now on.

    Raises Fault also where no moment is left, and where two of them are less than ten seconds apart.
    """
    expression = parse(text, zone)
    if expression.after(now, now) is None:
        raise Fault(0, "it has no moment left in the future")
    _check_gaps_today(expression, now // DAY_MS)
    return expression


@lru_cache(maxsize=1_000)
def _check_gaps_today(expression: Expression, day: int) -> None:
    """Look at the gaps once a day: of a short interval that takes a fifth of a second."""
    check_gaps(expression, DAY_MS * day)
