"""Pages of rows: by opaque tokens that stay right while new rows arrive, or by number (API a.0, "Paging").

A listing goes over an index, the newest first, and keeps the rows that fit the filters. A page costs what is read for
it, never the whole index, unless it is asked for by number: then what fits has to be counted.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from cloudassist.errors import InvalidParameterError
from cloudassist.operations.steps import Operation
from cloudassist.settings import Settings
from cloudassist.store import paging

R = TypeVar("R")

Position = str
"""Where a row stands in its index, in the index's own words; empty: before the first."""

READ_AT_A_TIME: Final = 100
"""Entries of an index that are looked at in one round trip, the fewest."""
MOST_READ: Final = 2_000
"""Entries of an index that one page by token looks at; it is shorter than asked for where too few of them fit."""
_MAC_BYTES: Final = 16
_FIRST_PAGE: Final = 1


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows are wanted: ``size`` of them, behind a token, or on the page of a number (from 1)."""

    size: int
    token: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Index(Generic[R]):
    """What a listing goes over.

    ``after`` returns so many entries behind a position, each with its own; ``fit`` tells which of them are wanted
    (None: all are); ``load`` reads the rows of entries, None for those that are gone meanwhile. ``total`` returns how
    many entries there are.
    """

    after: Callable[[Position, int], Operation[list[tuple[Position, str]]]]
    load: Callable[[Sequence[str]], Operation[list[R | None]]]
    total: Callable[[], Operation[int]]
    fit: Callable[[Sequence[str]], Operation[list[bool]]] | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """One page: its rows, the token of the next one (empty on the last), and how many rows there are, where known."""

    rows: Sequence[R]
    next_token: str
    total_count: int | None


def window(
    settings: Settings, max_results: object, next_token: object, page_number: object, page_size: object
) -> Window:
    """Check the arguments of paging; where a token-style one is given, the page-style ones are ignored (API a.0)."""
    if max_results is not None or next_token:
        if not isinstance(next_token, str):
            raise InvalidParameterError("InvalidParameter.NextToken", f"next_token must be text; it is {next_token!r}")
        return Window(_size("max_results", max_results, settings, "InvalidParameter.MaxResults"), next_token, None)
    if page_number is None and page_size is None:
        return Window(settings.page_size, "", None)
    size = _size("page_size", page_size, settings, "InvalidParam.PageSize")
    number = _FIRST_PAGE if page_number is None else page_number
    if type(number) is not int or number < _FIRST_PAGE:
        raise InvalidParameterError(
            "InvalidParam.PageNumber", f"page_number must be a whole number from {_FIRST_PAGE}; it is {page_number!r}"
        )
    return Window(size, "", number)


def page(kind: str, filters: Mapping[str, Any], wanted: Window, index: Index[R]) -> Operation[Listing[R]]:
    """Return one page of a listing. ``kind`` and ``filters`` are what its tokens are good for."""
    total = None if index.fit is not None else (yield from index.total())
    if wanted.number is not None:
        found, count = yield from _numbered(wanted, index)
        rows = yield from _rows(found, index)
        return Listing(rows, "", count if total is None else total)
    _, secret = yield paging.secret()
    scope = json.dumps([kind, filters], sort_keys=True, default=str)
    found, position = yield from _behind(_opened(wanted.token, scope, secret), wanted.size, index)
    rows = yield from _rows(found, index)
    return Listing(rows, _sealed(position, scope, secret) if position else "", total)


def _behind(start: Position, size: int, index: Index[R]) -> Operation[tuple[list[str], Position]]:
    """Collect so many entries behind a position; return them and where the next page begins, if there is one."""
    step = size + 1 if index.fit is None else max(size + 1, READ_AT_A_TIME)
    found: list[tuple[Position, str]] = []
    position, read = start, 0
    while read < MOST_READ:
        entries = yield from index.after(position, step)
        found += yield from _fitting(entries, index)
        if len(found) > size:
            position = found[size - 1][0]
            break
        if len(entries) < step:
            position = ""
            break
        position = entries[-1][0]
        read += len(entries)
    return [entry for _, entry in found[:size]], position


def _numbered(wanted: Window, index: Index[R]) -> Operation[tuple[list[str], int]]:
    """Collect the entries of a page by number; return them and, where there are filters, how many fit in all."""
    assert wanted.number is not None
    begin, end = (wanted.number - 1) * wanted.size, wanted.number * wanted.size
    found: list[tuple[Position, str]] = []
    position = ""
    while index.fit is not None or len(found) < end:
        entries = yield from index.after(position, MOST_READ)
        found += yield from _fitting(entries, index)
        if len(entries) < MOST_READ:
            break
        position = entries[-1][0]
    return [entry for _, entry in found[begin:end]], len(found)


def _fitting(entries: list[tuple[Position, str]], index: Index[R]) -> Operation[list[tuple[Position, str]]]:
    if index.fit is None:
        return entries
    fits = yield from index.fit([entry for _, entry in entries])
    return [entry for entry, fitting in zip(entries, fits, strict=True) if fitting]


def _rows(found: Sequence[str], index: Index[R]) -> Operation[list[R]]:
    rows = yield from index.load(found)
    return [row for row in rows if row is not None]


def _size(field: str, value: object, settings: Settings, code: str) -> int:
    size = settings.page_size if value is None else value
    if type(size) is not int or not 1 <= size <= settings.page_size_maximum:
        raise InvalidParameterError(
            code, f"{field} must be a whole number from 1 to {settings.page_size_maximum}; it is {value!r}"
        )
    return size


def _sealed(position: Position, scope: str, secret: bytes) -> str:
    return base64.urlsafe_b64encode(_mac(position, scope, secret) + position.encode()).decode().rstrip("=")


def _opened(token: str, scope: str, secret: bytes) -> Position:
    if not token:
        return ""
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        position = data[_MAC_BYTES:].decode()
    except (binascii.Error, UnicodeError, ValueError):
        data, position = b"", ""
    if not hmac.compare_digest(data[:_MAC_BYTES], _mac(position, scope, secret)):
        raise InvalidParameterError(
            "InvalidParameter.NextToken", f"next_token {token!r:.100} is none of this listing's"
        )
    return position


def _mac(position: Position, scope: str, secret: bytes) -> bytes:
    return hmac.digest(secret, f"{scope}\0{position}".encode(), hashlib.sha256)[:_MAC_BYTES]
