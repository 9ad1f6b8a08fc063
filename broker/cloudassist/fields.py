"""Reading a message from outside: JSON of a bounded size, then each field by name, type and bound.

Everything raises :class:`~cloudassist.errors.MessageError`, whose ``reason`` is what the message is counted under.
Plain checks instead of pydantic: agents import this, and pydantic would cost each of them 8 MB.
"""

import json
import re
from typing import Any, Final

from cloudassist.errors import MessageError

JsonObject = dict[str, Any]
"""A decoded JSON object whose fields have not been looked at yet."""

MAXIMUM_MS: Final = 2**53
"""The greatest moment or duration in milliseconds, or count, that every JSON reader keeps exact."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair: JSON can say it, UTF-8 cannot carry it on."""


def parse_object(data: str | bytes, *, limit: int) -> JsonObject:
    """Parse a JSON object of at most ``limit`` bytes."""
    value = _parse(data, limit)
    if not isinstance(value, dict):
        raise MessageError("not-an-object", type(value).__name__)
    return value


def parse_array(data: str | bytes, *, limit: int) -> list[Any]:
    """Parse a JSON array of at most ``limit`` bytes."""
    value = _parse(data, limit)
    if not isinstance(value, list):
        raise MessageError("not-an-array", type(value).__name__)
    return value


def text(source: JsonObject, name: str, *, most: int, default: str | None = None) -> str:
    """Return a text field of at most ``most`` characters."""
    value = source.get(name, default)
    if not isinstance(value, str):
        raise MessageError("bad-field", f"{name} must be text, not {type(value).__name__}")
    if len(value) > most:
        raise MessageError("bad-field", f"{name} has {len(value)} characters; the limit is {most}")
    if not value.isascii() and _SURROGATE.search(value):
        raise MessageError("bad-field", f"{name} is not valid unicode")
    return value


def integer(source: JsonObject, name: str, *, least: int, most: int, default: int | None = None) -> int:
    """Return an integer field between ``least`` and ``most``."""
    value = source.get(name, default)
    if type(value) is not int:
        raise MessageError("bad-field", f"{name} must be an integer, not {type(value).__name__}")
    if not least <= value <= most:
        raise MessageError("bad-field", f"{name} is {value}; it must be from {least} to {most}")
    return value


def optional_integer(source: JsonObject, name: str, *, least: int, most: int) -> int | None:
    """Return an integer field, or None where it is absent or null."""
    return None if source.get(name) is None else integer(source, name, least=least, most=most)


def texts(source: JsonObject, name: str, *, count: int, most: int) -> dict[str, str]:
    """Return a field that maps at most ``count`` names to text, each of at most ``most`` characters."""
    value = source.get(name, {})
    if not isinstance(value, dict) or len(value) > count:
        raise MessageError("bad-field", f"{name} must be an object of at most {count} entries")
    if any(not key.isascii() and _SURROGATE.search(key) for key in value):
        raise MessageError("bad-field", f"{name} has a name that is not valid unicode")
    return {key: text(value, key, most=most) for key in value}


def _parse(data: str | bytes, limit: int) -> Any:
    if len(data) > limit:
        raise MessageError("too-large", f"{len(data)} bytes; the limit is {limit}")
    try:
        # As text: of bytes, json would have to guess the encoding, for longer than all the rest takes.
        return json.loads(data.decode() if isinstance(data, bytes) else data)
    except (ValueError, RecursionError) as error:
        raise MessageError("not-json", str(error)[:100]) from None
