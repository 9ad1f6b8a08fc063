"""What is common to the messages of instances."""

from enum import StrEnum
from typing import Any, Final

from cloudassist import topology
from cloudassist.errors import MessageError

MAC_HEADER: Final = "mac"
"""The header that carries the hexadecimal MAC of the body."""


class Kind(StrEnum):
    """What a message is about."""

    REGISTER = "register"
    STARTED = "started"
    OUTPUT = "output"
    ENDED = "ended"
    CLIENT = "client"


def instance_id(source: dict[str, Any]) -> str:
    """Return the field that names the instance; raises MessageError."""
    value = source.get("instance")
    if not isinstance(value, str) or not topology.is_instance_id(value):
        raise MessageError("bad-field", "instance")
    return value
