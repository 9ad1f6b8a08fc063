"""An instance's sign of life: the value of its presence key, written by its agent alone.

It doubles as the instance's lease: a second agent finds another journal's id in it and does not consume.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from cloudassist import fields, limits, schema
from cloudassist.errors import MessageError

RUNNING_NAMED: Final = 1_000
"""Records named in one sign of life, the most."""


@dataclass(frozen=True, slots=True)
class Presence:
    """What an agent says of itself.

    ``agent`` names journal and boot; ``time`` is milliseconds of the server's clock; ``running`` are the records
    that it holds; ``free`` its free slots; ``refused`` counts messages it did not accept, by reason;
    ``keys`` is the version of the key set that it knows.
    """

    agent: str
    time: int
    running: tuple[str, ...] = ()
    free: int = 0
    draining: bool = False
    refused: dict[str, int] = field(default_factory=dict)
    keys: int = 0

    def encode(self) -> bytes:
        """Return the key's value."""
        return json.dumps({"v": schema.CURRENT, **asdict(self)}, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the key's value; raises MessageError."""
        source = fields.parse_object(data, limit=limits.MESSAGE_BYTES)
        schema.check(source.get("v"))
        return cls(
            agent=fields.text(source, "agent", most=128),
            time=fields.integer(source, "time", least=0, most=fields.MAXIMUM_MS),
            running=_running(source.get("running")),
            free=fields.integer(source, "free", least=0, most=fields.MAXIMUM_MS),
            draining=source.get("draining") is True,
            refused=_counts(source.get("refused")),
            keys=fields.integer(source, "keys", least=0, most=fields.MAXIMUM_MS, default=0),
        )


def _running(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > RUNNING_NAMED or not all(isinstance(item, str) for item in value):
        raise MessageError("bad-field", "running")
    return tuple(value)


def _counts(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(type(count) is int for count in value.values()):
        raise MessageError("bad-field", "refused")
    return value
