"""The fields of a cron expression: checked one term at a time, and written as the calendar library takes them.

What the library does not have stays apart: ``15W`` (the weekday nearest to the 15th), and years.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cloudassist.expressions.fault import Fault

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_SUNDAY: Final = 7
_WEEKS: Final = 5
_NUMBER: Final = re.compile(r"\d{1,4}")
_NAME: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field may be: its name, its least and greatest number, names of numbers, and the signs for all of them."""

    name: str
    least: int
    most: int
    names: Mapping[str, int]
    any_sign: str = "*"


SECOND: Final = Kind("second", 0, 59, {})
MINUTE: Final = Kind("minute", 0, 59, {})
HOUR: Final = Kind("hour", 0, 23, {})
DAY: Final = Kind("day of month", 1, 31, {}, "*?")
MONTH: Final = Kind("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)})
WEEKDAY: Final = Kind("day of week", 1, 7, {name: number for number, name in enumerate(_DAYS, 1)}, "*?")
YEAR: Final = Kind("year", 1970, 2099, {})


@dataclass(frozen=True, slots=True)
class Field:
    """One checked field: its plain numbers, and the special terms beside them. ``every`` where it says nothing."""

    numbers: tuple[int, ...]
    special: tuple[str, ...]
    every: bool

    @property
    def text(self) -> str:
        """Return it as the library takes it."""
        return "*" if self.every else ",".join([*map(str, self.numbers), *self.special])


def parse(kind: Kind, text: str, position: int) -> Field:
    """Check one field, which stands at a position of the expression; raises Fault."""
    text = text.upper()
    if text in kind.any_sign:
        return Field(tuple(range(kind.least, kind.most + 1)), (), every=True)
    numbers: set[int] = set()
    special: list[str] = []
    for term in text.split(","):
        found = _special(kind, term, position)
        if found is None:
            numbers.update(_numbers(kind, term, position))
        else:
            special.append(found)
        position += len(term) + 1
    if kind is WEEKDAY:
        numbers = {number % _SUNDAY for number in numbers}
    return Field(tuple(sorted(numbers)), tuple(dict.fromkeys(special)), every=False)


def _special(kind: Kind, term: str, position: int) -> str | None:
    """Return a term with L, W or # as the library takes it; None for any other. ``15W`` stays as it is."""
    if kind is DAY:
        if term in {"L", "LW"}:
            return term
        if term.endswith("W"):
            return f"{_number(kind, term[:-1], position)}W"
    if kind is WEEKDAY:
        if term == "L":
            return "0"
        if term.endswith("L"):
            return f"{_number(kind, term[:-1], position) % _SUNDAY}L"
        day, sign, week = term.partition("#")
        if sign:
            if week not in map(str, range(1, _WEEKS + 1)):
                raise Fault(position, f"{term!r} of the {kind.name} must end with #1 to #{_WEEKS}")
            return f"{_number(kind, day, position) % _SUNDAY}#{week}"
    return None


def _numbers(kind: Kind, term: str, position: int) -> Iterator[int]:
    base, slash, step_text = term.partition("/")
    first_text, dash, last_text = base.partition("-")
    if base == "*":
        first, last = kind.least, kind.most
    else:
        first = _number(kind, first_text, position)
        last = _number(kind, last_text, position) if dash else (kind.most if slash else first)
    if last < first:
        raise Fault(position, f"the range {base!r} of the {kind.name} runs backwards")
    step = 1
    if slash:
        if not _NUMBER.fullmatch(step_text) or not 1 <= int(step_text) <= kind.most:
            raise Fault(position, f"the step of {term!r} in the {kind.name} must be a number from 1 to {kind.most}")
        step = int(step_text)
    yield from range(first, last + 1, step)


def _number(kind: Kind, text: str, position: int) -> int:
    if _NAME.fullmatch(text) and text in kind.names:
        return kind.names[text]
    if not _NUMBER.fullmatch(text) or not kind.least <= int(text) <= kind.most:
        known = f"a number from {kind.least} to {kind.most}{_also(kind)}"
        raise Fault(position, f"{text!r} is no {kind.name}: that is {known}")
    return int(text)


def _also(kind: Kind) -> str:
    names = list(kind.names)
    return f", or {names[0]} to {names[-1]}" if names else ""
