"""Who an instance is."""

import json
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cloudassist import fields, limits
from cloudassist.errors import MessageError
from cloudassist.fields import JsonObject
from cloudassist.messages.kind import Kind, instance_id
from cloudassist.schema import CURRENT

_NEEDED: Final = frozenset({"public_key", "agent_version"})
_NO_TEXT: Final = frozenset({"instance_id", "tags", "schema", "clock_offset"})
SCHEMAS: Final = 1_000
"""The greatest number of a schema."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Who an instance is: sent when its agent starts, when it reconnects, and when a fact changes.

    ``public_key`` is the public half of the instance's key, ``machine_id`` tells a machine from a copy of it where the
    system has such a thing. The ledger pins the first ones that it sees for an id. ``os_version`` is the system's name
    as its maker writes it, ``os_id`` and ``os_release`` are the words by which it can be looked up. ``schema`` is what
    its agent writes; ``clock_offset`` is how far the machine's clock is ahead of the server's, in milliseconds.
    """

    instance_id: str
    public_key: str
    agent_version: str
    os_type: str = ""
    os_version: str = ""
    hostname: str = ""
    address: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    os_id: str = ""
    os_release: str = ""
    machine_id: str = ""
    schema: int = CURRENT
    clock_offset: int = 0

    def encode(self) -> str:
        """Return the body."""
        content: dict[str, Any] = {
            "v": self.schema,
            "kind": Kind.REGISTER,
            "instance": self.instance_id,
            **{name: getattr(self, name) for name in self.__slots__ if name not in {"instance_id", "schema"}},
        }
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def decode(cls, source: JsonObject) -> Self:
        """Read the body's fields; raises MessageError."""
        tags = fields.texts(source, "tags", count=limits.TAG_COUNT, most=limits.TAG_VALUE_CHARACTERS)
        if any(not 0 < len(key) <= limits.TAG_KEY_CHARACTERS for key in tags):
            raise MessageError("bad-field", f"a tag's key must have 1 to {limits.TAG_KEY_CHARACTERS} characters")
        return cls(
            instance_id=instance_id(source),
            tags=tags,
            schema=fields.integer(source, "v", least=0, most=SCHEMAS),
            clock_offset=fields.integer(
                source, "clock_offset", least=-fields.MAXIMUM_MS, most=fields.MAXIMUM_MS, default=0
            ),
            **{
                name: fields.text(source, name, most=255, default=None if name in _NEEDED else "")
                for name in cls.__slots__
                if name not in _NO_TEXT
            },
        )
