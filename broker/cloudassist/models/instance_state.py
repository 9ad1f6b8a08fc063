"""What the ledger holds of one instance, as rows are made of it."""

from dataclasses import dataclass

from cloudassist.errors import MessageError
from cloudassist.presence import Presence


@dataclass(frozen=True, slots=True)
class InstanceState:
    """One instance at ``now`` (ms of the server's clock), and how many of its records have not ended, and have.

    ``facts`` is empty where it is not registered; ``presence``, its sign of life, is None where it is offline.
    ``last_invoked`` is when it last got a record (ms), empty where it never did.
    """

    now: int
    facts: dict[str, str]
    presence: bytes | None
    open_records: int
    last_invoked: str
    completed: int

    @property
    def last_heartbeat(self) -> int | str | None:
        """Return when it was last heard of (ms)."""
        return _heard(self.presence) or self.facts.get("last_heartbeat_time")


def _heard(presence: bytes | None) -> int | None:
    try:
        return None if presence is None else Presence.decode(presence).time
    except MessageError:
        return None
