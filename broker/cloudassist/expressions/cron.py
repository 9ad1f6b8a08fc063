"""Cron with seconds: ``sec min hour day-of-month month day-of-week [year] [zone]``, 1 = Monday … 7 = Sunday."""

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from importlib import import_module
from typing import Final, Self

from cronsim import CronSim, CronSimError

from cloudassist.expressions import cron_fields, zones
from cloudassist.expressions.cron_fields import Field
from cloudassist.expressions.expression import Expression
from cloudassist.expressions.fault import Fault

_KINDS: Final = (
    cron_fields.SECOND,
    cron_fields.MINUTE,
    cron_fields.HOUR,
    cron_fields.DAY,
    cron_fields.MONTH,
    cron_fields.WEEKDAY,
)
LAST_YEAR: Final = 2099
"""The last year that there is (API a.19)."""

_YEAR: Final = re.compile(r"[\d*][\d,*/-]*")
_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_SECOND_AT: Final = 0
_MINUTE_AT: Final = 1
_DAY_AT: Final = 3
_MONTH_AT: Final = 4
_WEEKDAY_AT: Final = 5
_WEEKDAYS: Final = 5


@dataclass(frozen=True, slots=True)
class Cron(Expression):
    """One expression; ``years`` None: any. ``text`` is its fields as the library takes them."""

    pattern: str
    fields: tuple[Field, ...]
    text: str
    years: tuple[int, ...] | None
    zone: tzinfo
    zone_name: str

    @classmethod
    def parse(cls, text: str, zone: str) -> Self:
        """Read the fields, the year and the zone; raises Fault."""
        words = [(found.group(), found.start()) for found in re.finditer(r"\S+", text)]
        count = len(_KINDS)
        if not count <= len(words) <= count + 2:
            raise Fault(
                0,
                f"it has {len(words)} fields; cron has six (second, minute, hour, day of month, month, day of week), "
                "and perhaps a year and a zone; other forms are rate(…) and at(…)",
            )
        fields = tuple(cron_fields.parse(kind, *word) for kind, word in zip(_KINDS, words, strict=False))
        further = words[count:]
        pattern = [word for word, _ in words[:count]]
        years = None
        if further and (_YEAR.fullmatch(further[0][0]) or len(further) > 1):
            pattern.append(further[0][0])
            year = cron_fields.parse(cron_fields.YEAR, *further.pop(0))
            years = None if year.every else year.numbers
        name, position = further[0] if further else (zone, 0)
        try:
            return cls(" ".join(pattern), fields, _text(fields), years, zones.parse(name), name)
        except ValueError as error:
            raise Fault(position, str(error)) from None

    @property
    def sentence(self) -> str:
        """Say it in words."""
        words = self.pattern.split()
        # The describer does not know a bare L, which is the last day of the week.
        words[_WEEKDAY_AT] = re.sub(r"(?<![^,])L(?![^,])", "7", words[_WEEKDAY_AT].upper())
        # Only people want it, who can wait for its import.
        described: str = import_module("cron_descriptor").get_description(" ".join(words))
        return f"{described} ({self.zone_name})"

    def after(self, moment: int, _anchor: int) -> int | None:
        """Return the first time after a moment."""
        for shown in self._shown_after(zones.local(moment, self.zone)):
            if (due := zones.moment(shown, self.zone)) > moment:
                return due
        return None

    def _shown_after(self, start: datetime) -> Iterator[datetime]:
        """Return what the clocks show at its times, from one on; in years that are wanted."""
        shown = self._from(start)
        while (now := next(shown, None)) is not None and now.year <= LAST_YEAR:
            if self.years is None or now.year in self.years:
                yield now
                continue
            year = next((year for year in self.years if year > now.year), None)
            if year is None:
                return
            shown = self._from(datetime(year, 1, 1) - _SECOND)  # noqa: DTZ001 - local time

    def _from(self, start: datetime) -> Iterator[datetime]:
        """Return what the clocks show at its times, from one on, in whatever year."""
        return self._month_by_month(start) if self._near else self._hour_first(start)

    def _hour_first(self, start: datetime) -> Iterator[datetime]:
        """Look at the rest of the hour without the library, which reads all fields anew each time that it is asked."""
        hour = start.replace(minute=0, second=0)
        if _has_hour(self.text, hour):
            for minute in self.fields[_MINUTE_AT].numbers:
                if minute >= start.minute:
                    for second in self.fields[_SECOND_AT].numbers:
                        if (shown := hour.replace(minute=minute, second=second)) > start:
                            yield shown
        yield from _plain(hour + _HOUR - _SECOND, self.text)

    def _month_by_month(self, start: datetime) -> Iterator[datetime]:
        """Put the weekdays nearest to a day, which the library does not know, in as the days that they are."""
        day, month = self.fields[_DAY_AT], self.fields[_MONTH_AT]
        for year in range(start.year, LAST_YEAR + 1):
            for number in month.numbers:
                begin = max(start, datetime(year, number, 1) - _SECOND)  # noqa: DTZ001 - local time
                plain = [term for term in day.special if term not in self._near]
                nearest = (_nearest(year, number, int(term[:-1])) for term in self._near)
                near = [found for found in nearest if found is not None]
                if (begin + _SECOND).month != number or not (near or plain or day.numbers):
                    continue
                days = Field((*day.numbers, *near), tuple(plain), every=False)
                here = Field((number,), (), every=False)
                fields = (*self.fields[:_DAY_AT], days, here, *self.fields[_MONTH_AT + 1 :])
                for shown in _plain(begin, _text(fields)):
                    if (shown.year, shown.month) != (year, number):
                        break
                    yield shown

    @property
    def _near(self) -> list[str]:
        return [term for term in self.fields[_DAY_AT].special if term.endswith("W") and term != "LW"]


def _text(fields: Sequence[Field]) -> str:
    return " ".join(field.text for field in fields)


def _plain(start: datetime, text: str) -> Iterator[datetime]:
    """Return the times after one, as the library finds them."""
    try:
        return CronSim(text, start)
    except CronSimError:
        # A day that none of the months has.
        return iter(())


@lru_cache(maxsize=10_000)
def _has_hour(text: str, hour: datetime) -> bool:
    """Tell whether any of the times lie within an hour: on its day, in its month."""
    first = next(_plain(hour - _SECOND, text), None)
    return first is not None and first < hour + _HOUR


def _nearest(year: int, month: int, day: int) -> int | None:
    """Return the weekday (its day) nearest to a day of a month, within the month; None where it has no such day."""
    weekday, days = calendar.weekday(year, month, 1), calendar.monthrange(year, month)[1]
    if day > days:
        return None
    weekday = (weekday + day - 1) % 7
    if weekday < _WEEKDAYS:
        return day
    if weekday == _WEEKDAYS:
        return day - 1 if day > 1 else day + 2
    return day + 1 if day < days else day - 2
