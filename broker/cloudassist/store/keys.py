"""Every key of the ledger: its name, its type, how long it lives, and what it holds.

Keys that instances touch (queues, ``presence.``, ``owner.``, ``claim:``, ``payload:``, ``key-set``) are named in
:mod:`cloudassist.topology`; the rest is named here and nowhere else: functions are handed the names.
"""

from dataclasses import dataclass
from typing import Final

from cloudassist import ids

PERMANENT: Final = "permanent"
LIVE: Final = "retention; of a recurring task none until it has ended"

INSTANCES: Final = "instances"
COMMANDS: Final = "commands"
INVOCATIONS: Final = "invocations"
FINISHED: Final = "finished"
SEQUENCE: Final = "sequence"
PAGING_SECRET: Final = "paging-secret"  # noqa: S105 - the name of a key
AUDIT_TRAIL: Final = "audit-trail"
DUE: Final = "due"
SCHEDULES: Final = "schedules"
CLAIMED: Final = "claimed"
RETIRED: Final = "retired"
OPEN: Final = "open"
INVOKED: Final = "invoked"
COMPLETED: Final = "completed"
STOPPING: Final = "stopping"
ENDED: Final = "ended"
HISTORY_BYTES: Final = "history-bytes"
KEPT_BYTES: Final = "kept-bytes"
TAKERS: Final = "takers"
REJECTED: Final = "rejected"
REJECTED_COUNTS: Final = "rejected:counts"
ACTIVATIONS: Final = "activations"
LAPSING: Final = "lapsing"
EPOCHS: Final = "epochs"
REVOCATIONS: Final = "revocations"
PETITIONS: Final = "petitions"


def instance(instance_id: str) -> str:
    """Return the hash of one registered instance."""
    return f"known:{instance_id}"


def identity(instance_id: str) -> str:
    """Return the hash of who an enrolled instance is; none but the worker of the role enrol writes it."""
    return f"identity:{instance_id}"


def activation(activation_id: str) -> str:
    """Return the hash of one activation."""
    return f"activation:{activation_id}"


def admitted(activation_id: str) -> str:
    """Return the hash of the machines that one activation has let in: by public key what each was answered."""
    return f"admitted:{activation_id}"


def petition(token: str) -> str:
    """Return the string in which a producer finds the answer to its petition."""
    return f"petition:{token}"


def command(command_id: str) -> str:
    """Return the hash of one command."""
    return f"command:{command_id}"


def live(command_id: str) -> str:
    """Return the sorted set of the runs of one command that have not ended, by when each has ended at the latest."""
    return f"live:{command_id}"


def calls(day: str) -> str:
    """Return the counter of the runs that were called for on one day (YYYY-MM-DD, UTC)."""
    return f"calls:{day}"


def invocation(invoke_id: str) -> str:
    """Return the hash of one invocation: what was asked, and how many instances have each status."""
    return f"invocation:{invoke_id}"


def targets(invoke_id: str) -> str:
    """Return the list of the instances of one invocation, in the order they were named."""
    return f"targets:{invoke_id}"


def fleet(invoke_id: str) -> str:
    """Return the hash of the instances of one recurring task: how each stands."""
    return f"fleet:{invoke_id}"


def sealed(invoke_id: str) -> str:
    """Return the hash of the keys of one invocation's secret values: by instance, each sealed to its own."""
    return f"sealed:{invoke_id}"


def history(invoke_id: str) -> str:
    """Return the sorted set of the runs of one recurring task that are kept, by their moments."""
    return f"history:{invoke_id}"


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
    """Return the channel (not a key) on which a change of one invocation, or of a run of it, is told."""
    return f"changes:{ids.task_of(invoke_id)}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a pattern of key names, the server's type, the lifetime, and what it is for."""

    pattern: str
    type: str
    lifetime: str
    purpose: str


TABLE: Final = (
    Row("known:*", "hash", PERMANENT, "a registered instance: facts, tags, public key, epoch"),
    Row("identity:*", "hash", PERMANENT, "who an enrolled instance is: public key, machine, activation"),
    Row(EPOCHS, "hash", PERMANENT, "by instance that was deregistered how often it was enrolled"),
    Row(REVOCATIONS, "string", PERMANENT, "how many instances were deregistered"),
    Row("activation:*", "hash", PERMANENT, "an activation: what it allows, what was made of it; bounded by the quota"),
    Row(ACTIVATIONS, "zset", PERMANENT, "ids of the activations, in the order they were made"),
    Row(LAPSING, "zset", PERMANENT, "activations that have a user at the server, by when that goes"),
    Row("admitted:*", "hash", "a day longer than its activation", "by public key what a machine was answered"),
    Row("enrolments", "list", PERMANENT, "what machines ask that want to be enrolled; emptied by the role enrol"),
    Row("enrolled.*", "string", "2 min", "the answer to such a request"),
    Row(PETITIONS, "list", PERMANENT, "what producers ask of the role enrol; emptied by that"),
    Row("petition:*", "string", "60 s", "the answer to such a petition"),
    Row(INSTANCES, "zset", PERMANENT, "ids of the registered instances, in lexical order"),
    Row(OPEN, "zset", PERMANENT, "records that have not ended, in the order of their instances"),
    Row(STOPPING, "zset", PERMANENT, "records that are to stop and have not ended, by when that was asked"),
    Row(ENDED, "hash", PERMANENT, "how many records have ended, by status and error code"),
    Row(INVOKED, "hash", PERMANENT, "by instance when it last got a record"),
    Row(COMPLETED, "hash", PERMANENT, "by instance how many records it has completed"),
    Row("presence.*", "string", "45 s", "set by the instance while it lives"),
    Row("owner.*", "string", PERMANENT, "whose an instance's id is: public key and machine"),
    Row("key-set", "string", PERMANENT, "the keys that count, signed by the root key"),
    Row("claim:*", "string", "until no copy of the order can be valid", "who decided a record's fate"),
    Row("payload:*", "string", "until no copy of the order can be valid", "script, parameters and options of a run"),
    Row("command:*", "hash", PERMANENT, "a command; one that is not kept goes away when its last run ends"),
    Row(COMMANDS, "zset", PERMANENT, "ids of the kept commands, in the order they were made; bounded by the quota"),
    Row("live:*", "zset", "until its last run must have ended", "runs of a command that have not ended"),
    Row("calls:*", "string", "2 days", "how many runs were called for on one day"),
    Row("invocation:*", "hash", LIVE, "what was asked, and counters by status"),
    Row("targets:*", "list", LIVE, "instances of an invocation"),
    Row("fleet:*", "hash", LIVE, "how the instances of a recurring task stand"),
    Row("sealed:*", "hash", LIVE, "by instance the sealed key of a run's secret values; gone when it has ended"),
    Row("history:*", "zset", LIVE, "the runs of a recurring task that are kept, by their moments; bounded"),
    Row("record:*", "hash", "retention", "one execution on one instance"),
    Row("output:*", "string", "retention", "the kept output of one record"),
    Row("token:*", "string", "24 h", "invocation id and request hash of a ClientToken"),
    Row(INVOCATIONS, "zset", PERMANENT, "invocation ids in the order they were planned; bounded by retention"),
    Row(FINISHED, "zset", PERMANENT, "invocation ids by when they ended; bounded by retention"),
    Row(SEQUENCE, "string", PERMANENT, "the number last given to a command or an invocation"),
    Row(PAGING_SECRET, "string", PERMANENT, "the key under which the tokens of pages are authenticated"),
    Row(AUDIT_TRAIL, "stream", PERMANENT, "who did what, when and with which outcome; bounded"),
    Row(DUE, "zset", PERMANENT, "records that have not ended, by when the sweeper looks at them next"),
    Row(SCHEDULES, "zset", PERMANENT, "recurring tasks that go on, by their next moments"),
    Row(CLAIMED, "zset", PERMANENT, "moments that were claimed, until dispatch has planned their records"),
    Row(RETIRED, "list", PERMANENT, "runs of recurring tasks that are not kept; emptied by retention"),
    Row(HISTORY_BYTES, "string", PERMANENT, "bytes of output of the runs of recurring tasks that are kept"),
    Row(KEPT_BYTES, "string", PERMANENT, "bytes of the finished invocations that are kept, about"),
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
