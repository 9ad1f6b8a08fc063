"""Secret parameters: which they are, and how their values travel.

All values of a run are encrypted once, under a key of that run; for each instance that key is sealed to the instance's
own. So the server holds nothing that it could read, and a script for ten thousand instances is still stored once.
"""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from nacl.bindings import (
    crypto_secretbox,
    crypto_secretbox_KEYBYTES,
    crypto_secretbox_NONCEBYTES,
    crypto_secretbox_open,
)
from nacl.exceptions import CryptoError

from cloudassist import fields, keyring
from cloudassist.errors import MessageError

SECRETS_BYTES: Final = 96 * 1024
"""Bytes of the JSON of the values, the most (12 KB of text, escaped at worst)."""
SEALED_CHARACTERS: Final = 128
"""Characters of a sealed key, the most (Base64 of 80 bytes)."""
MASK: Final = "****"
"""What stands in the place of a secret value, wherever one would be shown."""


def is_secret_name(name: str, words: Sequence[str]) -> bool:
    """Tell whether a parameter's name says that it is secret: one of its words, or its end, is one of these.

    Words are parted by - and _; a name that was written together counts by its end: ``db_password``, ``dbpassword``.
    """
    lowered = name.lower()
    parts = lowered.replace("-", "_").split("_")
    joined = "".join(parts)
    return any(word in parts or joined.endswith(word) for word in words)


def new_key() -> bytes:
    """Return a key for one run."""
    return secrets.token_bytes(crypto_secretbox_KEYBYTES)


def encrypt(invoke_id: str, values: Mapping[str, str], key: bytes) -> str:
    """Return the encrypted values of a run."""
    nonce = secrets.token_bytes(crypto_secretbox_NONCEBYTES)
    content = json.dumps([invoke_id, dict(values)]).encode()
    return base64.b64encode(nonce + crypto_secretbox(content, nonce, key)).decode()


def decrypt(invoke_id: str, text: str, key: bytes) -> dict[str, str]:
    """Return the values of this run; raises MessageError (bad-secrets) for those of another, or under another key."""
    try:
        data = base64.b64decode(text, validate=True)
        nonce, content = data[:crypto_secretbox_NONCEBYTES], data[crypto_secretbox_NONCEBYTES:]
        opened = crypto_secretbox_open(content, nonce, key)
    except (ValueError, CryptoError):
        raise MessageError("bad-secrets") from None
    match fields.parse_array(opened, limit=SECRETS_BYTES):
        case [str() as run, dict() as values] if run == invoke_id:
            return fields.texts({"secrets": values}, "secrets", count=1_000, most=SECRETS_BYTES)
        case _:
            raise MessageError("bad-secrets", "of another run")


def seal(key: bytes, public: bytes) -> str:
    """Return a run's key as only the holder of the other half of ``public`` can read it."""
    return keyring.seal(key, public)
