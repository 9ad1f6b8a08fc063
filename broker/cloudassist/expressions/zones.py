"""Time zones, and what a local time stands for where clocks are put forward and back."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET: Final = re.compile(r"GMT([+-])(0|[1-9]\d?):([0-5]\d)")
_LEAST: Final = -timedelta(hours=12, minutes=59)
_MOST: Final = timedelta(hours=14, minutes=59)
_RESOLUTION: Final = timedelta(seconds=1)


@cache
def parse(name: str) -> tzinfo:
    """Return the zone of a name: UTC, GMT, GMT+8:00, or one of the tz database; raises ValueError."""
    if name in {"UTC", "GMT"}:
        return UTC
    if found := _OFFSET.fullmatch(name):
        size = timedelta(hours=int(found[2]), minutes=int(found[3]))
        offset = size if found[1] == "+" else -size
        if not _LEAST <= offset <= _MOST:
            raise ValueError(f"the zone {name} is outside of GMT-12:59 to GMT+14:59")
        return timezone(offset)
    # What the tz database has besides names with a slash are relics, some of which look like offsets and are not.
    if "/" not in name:
        raise ValueError(f"{name!r} is no time zone: UTC, GMT+8:00, or a full name such as Asia/Shanghai")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone of the tz database") from None


def local(moment: int, zone: tzinfo) -> datetime:
    """Return what the clocks of a zone show at a moment (ms), to the second, without the zone."""
    return datetime.fromtimestamp(moment // 1000, zone).replace(tzinfo=None, fold=0)


def moment(shown: datetime, zone: tzinfo) -> int:
    """Return when the clocks of a zone show a time (ms): the first time, or when they have just skipped it."""
    first = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == shown:
        return _milliseconds(first)
    return _milliseconds(_skip(shown.replace(tzinfo=zone, fold=1).astimezone(UTC), first, zone))


def _skip(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return the moment between two at which the clocks are put forward."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _RESOLUTION:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _milliseconds(instant: datetime) -> int:
    return 1000 * int(instant.timestamp())
