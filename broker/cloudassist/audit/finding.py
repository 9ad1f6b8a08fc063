"""One thing that is wrong."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Which rule does not hold."""

    COUNTER = "counter"
    """A counter of an invocation is not what a recount of its records gives."""
    PLACE = "place"
    """A record is not exactly where a record of its status belongs."""
    LIFETIME = "lifetime"
    """A key that is to go by itself will stay for ever."""
    UNKNOWN_KEY = "unknown-key"
    """A key that the ledger knows nothing of, or of another type."""
    UNATTENDED = "unattended"
    """What is due lies there, and nobody sees to it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the rule, the key or record, and what was seen; ``repaired`` where it no longer is."""

    kind: Kind
    where: str
    what: str
    repaired: bool = False
