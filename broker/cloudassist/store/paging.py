"""The key under which the tokens of pages are authenticated: one per region, made by whoever needs it first."""

import secrets
from typing import Any, Final

from cloudassist.store import keys
from cloudassist.store.call import Call, as_nothing, command

_BYTES: Final = 32


def secret() -> tuple[Call[None], Call[bytes]]:
    """Return the calls that make the key where there is none, and read it."""
    make = command(as_nothing, "SET", keys.PAGING_SECRET, secrets.token_bytes(_BYTES), "NX")
    return make, command(_as_is, "GET", keys.PAGING_SECRET)


def _as_is(answer: Any) -> bytes:
    return bytes(answer)
