"""Every key of the ledger: its name, its type, how long it lives, and what it holds.

Keys that instances touch (queues, ``presence.``, ``claim:``, ``payload:``) are named in
:mod:`cloudassist.topology`; the rest is named here and nowhere else: functions are handed the names.
"""

from dataclasses import dataclass
from typing import Final

PERMANENT: Final = "permanent"

INSTANCES: Final = "instances"
INVOCATIONS: Final = "invocations"
DUE: Final = "due"
TAKERS: Final = "takers"
REJECTED: Final = "rejected"
REJECTED_COUNTS: Final = "rejected:counts"


def instance(instance_id: str) -> str:
    """Return the hash of one registered instance."""
    return f"known:{instance_id}"


def open_records(instance_id: str) -> str:
    """Return the set of the records of one instance that have not ended."""
    return f"open:{instance_id}"


def invocation(invoke_id: str) -> str:
    """Return the hash of one invocation: what was asked, and how many instances have each status."""
    return f"invocation:{invoke_id}"


def targets(invoke_id: str) -> str:
    """Return the list of the instances of one invocation, in the order they were named."""
    return f"targets:{invoke_id}"


def record(record_id: str) -> str:
    """Return the hash of one record."""
    return f"record:{record_id}"


def output(record_id: str) -> str:
    """Return the string that holds one record's output; apart, so that the hash stays small."""
    return f"output:{record_id}"


def client_token(token: str) -> str:
    """Return the string that remembers the invocation of a ClientToken."""
    return f"token:{token}"


def taken(taker: str) -> str:
    """Return the list of reports that one aggregator has taken and not yet applied for good."""
    return f"taken:{taker}"


def changes(invoke_id: str) -> str:
    """Return the channel (not a key) on which a change of one invocation is told."""
    return f"changes:{invoke_id}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a pattern of key names, the server's type, the lifetime, and what it is for."""

    pattern: str
    type: str
    lifetime: str
    purpose: str


TABLE: Final = (
    Row("known:*", "hash", PERMANENT, "a registered instance: facts, tags, public key, epoch"),
    Row(INSTANCES, "zset", PERMANENT, "ids of the registered instances, in lexical order"),
    Row("open:*", "set", PERMANENT, "records of an instance that have not ended; goes away when the last one ends"),
    Row("presence.*", "string", "45 s", "set by the instance while it lives"),
    Row("claim:*", "string", "until no copy of the order can be valid", "who decided a record's fate"),
    Row("payload:*", "string", "until no copy of the order can be valid", "script, parameters and options of a run"),
    Row("invocation:*", "hash", "retention", "what was asked, and counters by status"),
    Row("targets:*", "list", "retention", "instances of an invocation"),
    Row("record:*", "hash", "retention", "one execution on one instance"),
    Row("output:*", "string", "retention", "the kept output of one record"),
    Row("token:*", "string", "24 h", "invocation id and request hash of a ClientToken"),
    Row(INVOCATIONS, "zset", PERMANENT, "invocation ids by creation time"),
    Row(DUE, "zset", PERMANENT, "records that have not ended, by when the sweeper looks at them next"),
    Row("instance.*", "list", PERMANENT, "orders waiting for an instance; bounded by its open records"),
    Row("control.*", "list", PERMANENT, "stops waiting for an instance; bounded by its open records"),
    Row("reports", "list", PERMANENT, "what instances said; emptied by the aggregator"),
    Row("dispatch", "list", PERMANENT, "records to be sent again; emptied by dispatch"),
    Row("taken:*", "list", PERMANENT, "reports taken by one aggregator; taken over when it dies"),
    Row(TAKERS, "zset", PERMANENT, "aggregators by when they last gave a sign of life"),
    Row(REJECTED, "list", PERMANENT, "the newest rejected messages with their reasons; bounded"),
    Row(REJECTED_COUNTS, "hash", PERMANENT, "how many messages were rejected, by reason"),
    Row("_kombu.binding*", "set", PERMANENT, "kombu: reply and event queues of celery's remote control"),
    Row("*.reply.celery.pidbox", "list", PERMANENT, "kombu: replies of celery's remote control"),
)
