"""Signed arrays: ``[kid, signature, payload]``, verified on the payload's very bytes before anything of it is read.

The payload is a JSON array that begins with the version of what is in it. The signature covers a domain as well, which
says what it is for: what was signed for one purpose is worth nothing for another.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cloudassist import fields, schema
from cloudassist.errors import MessageError
from cloudassist.keyring import SIGNATURE_BYTES, SigningKey
from cloudassist.keyset import KeySet

Envelope = list[str]
"""``[kid, signature in Base64, payload as JSON text]``; nothing but printable ASCII."""

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def seal(domain: str, content: Sequence[Any], key: SigningKey, version: int = schema.CURRENT) -> Envelope:
    """Return the signed envelope; its content is written as this version does."""
    payload = _encode([version, *content])
    signature = key.sign(_tagged(domain, payload.encode()))
    return [key.kid, base64.b64encode(signature).decode(), payload]


def open_envelope(
    domain: str, envelope: object, keys: KeySet, now: int, *, names: Mapping[int, Sequence[str]], most: int
) -> dict[str, Any]:
    """Verify an envelope with the keys that count ``now`` (ms); return what it says, by name.

    ``names`` are those of the fields, by version. Its payload has ``most`` bytes at most. Raises MessageError.
    """
    kid, signature, payload = _parts(envelope, most)
    keys.verify(kid, signature, _tagged(domain, payload), now)
    version, *content = fields.parse_array(payload, limit=most) or [None]
    expected = names[schema.check(version)]
    if len(content) != len(expected):
        raise MessageError("bad-field", f"{len(content)} fields")
    return dict(zip(expected, content, strict=True))


def _tagged(domain: str, payload: bytes) -> bytes:
    return b"cloudassist/" + domain.encode() + b"/v1\0" + payload


def _parts(envelope: object, most: int) -> tuple[str, bytes, bytes]:
    match envelope:
        case [str() as kid, str() as signature, str() as payload] if len(payload) <= most:
            pass
        case _:
            raise MessageError("bad-envelope")
    try:
        raw = base64.b64decode(signature, validate=True)
        data = payload.encode()
    except ValueError:
        raise MessageError("bad-envelope") from None
    if len(raw) != SIGNATURE_BYTES:
        raise MessageError("bad-envelope", f"a signature of {len(raw)} bytes")
    return kid, raw, data
