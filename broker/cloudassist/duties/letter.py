"""One message on ``reports``, unwrapped."""

import base64
import binascii
from dataclasses import dataclass

from cloudassist import fields, limits, messages
from cloudassist.errors import MessageError
from cloudassist.messages import Message


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on ``reports``: as it came, the bytes that its MAC is over, the MAC, and what it says."""

    raw: bytes
    body: bytes
    mac: str
    message: Message


def open_letter(raw: bytes) -> Letter:
    """Unwrap a kombu message; raises MessageError."""
    envelope = fields.parse_object(raw, limit=limits.MESSAGE_BYTES)
    body, headers, properties = envelope.get("body"), envelope.get("headers"), envelope.get("properties")
    if not isinstance(body, str) or not isinstance(headers, dict) or not isinstance(properties, dict):
        raise MessageError("bad-shape")
    try:
        encoded = properties.get("body_encoding") == "base64"
        data = base64.b64decode(body, validate=True) if encoded else body.encode()
    except (binascii.Error, ValueError):
        raise MessageError("bad-body") from None
    return Letter(raw, data, fields.text(headers, messages.MAC_HEADER, most=64), messages.decode(data))
