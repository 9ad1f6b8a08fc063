"""How the agent of an instance is, as the daemon that watches over it says."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from cloudassist import fields, schema
from cloudassist.errors import MessageError
from cloudassist.fields import JsonObject
from cloudassist.messages.kind import Kind, instance_id

REASON_CHARACTERS = 255
"""Characters of the reason of a restart, the most."""


class ClientState(StrEnum):
    """Whether the agent is there."""

    RUNNING = "Running"
    STARTING = "Starting"
    DEAD = "Dead"
    STOPPED = "Stopped"


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """What the daemon says of the agent, also while that is dead.

    ``restarts`` counts those since the daemon started, ``reason`` is that of the last one. ``cpu_percent`` is of one
    processor, ``rss_bytes`` the agent's memory; both 0 where it is not running.
    """

    instance_id: str
    state: ClientState
    restarts: int = 0
    reason: str = ""
    cpu_percent: int = 0
    rss_bytes: int = 0

    def encode(self) -> str:
        """Return the body."""
        content = {"v": schema.CURRENT, "kind": Kind.CLIENT, **asdict(self), "reason": self.reason[:REASON_CHARACTERS]}
        content["instance"] = content.pop("instance_id")
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def decode(cls, source: JsonObject) -> Self:
        """Read the body's fields; raises MessageError."""
        state = fields.text(source, "state", most=32)
        if state not in set(ClientState):
            raise MessageError("bad-field", f"state is {state!r}")
        return cls(
            instance_id=instance_id(source),
            state=ClientState(state),
            restarts=fields.integer(source, "restarts", least=0, most=fields.MAXIMUM_MS),
            reason=fields.text(source, "reason", most=REASON_CHARACTERS),
            cpu_percent=fields.integer(source, "cpu_percent", least=0, most=fields.MAXIMUM_MS),
            rss_bytes=fields.integer(source, "rss_bytes", least=0, most=fields.MAXIMUM_MS),
        )
