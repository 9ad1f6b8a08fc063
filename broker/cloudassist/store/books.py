"""Calls of the audit: what lies in the ledger altogether, and how to put right what is wrong in it.

They need a user who may do everything: no role may list keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cloudassist import topology
from cloudassist.store import keys
from cloudassist.store.call import Call, as_nothing, as_text, as_texts, command
from cloudassist.store.library import function_call

SCANNED = 1_000
"""Keys or entries that one call looks at, about."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is; ``status`` is empty where there is no such record."""

    status: str
    is_open: bool
    is_looked_at: bool


def scan(cursor: int, prefix: str = "") -> Call[tuple[int, list[str]]]:
    """Return some keys, and the cursor that brings the next ones; 0 begins, and 0 is the end.

    Of those that begin with a prefix, what follows it.
    """

    def decode(answer: Any) -> tuple[int, list[str]]:
        following, names = answer
        return int(following), [name.decode(errors="backslashreplace").removeprefix(prefix) for name in names]

    return command(decode, "SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", SCANNED)


def scan_records(cursor: int) -> Call[tuple[int, list[str]]]:
    """Return some of all records, as :func:`scan` does."""
    return scan(cursor, keys.record(""))


def scan_invocations(cursor: int) -> Call[tuple[int, list[str]]]:
    """Return some of all invocations, as :func:`scan` does."""
    return scan(cursor, keys.invocation(""))


def scan_takers(cursor: int) -> Call[tuple[int, list[str]]]:
    """Return some of the aggregators that have taken reports, as :func:`scan` does."""
    return scan(cursor, keys.taken(""))


def scan_queues(cursor: int) -> Call[tuple[int, list[str]]]:
    """Return some of the instances for which orders wait, as :func:`scan` does."""
    return scan(cursor, topology.instance_queue(""))


def page_queue(queue: str, start: int) -> Call[list[bytes]]:
    """Return some messages of a queue from an index on."""
    return command(list, "LRANGE", queue, start, start + SCANNED - 1)


def count_in_queue(queue: str, text: bytes) -> Call[int]:
    """Return how often a message lies in a queue."""
    return command(len, "LPOS", queue, text, "COUNT", 0)


def take_out(queue: str, text: bytes, copies: int) -> Call[int]:
    """Take so many copies of a message out of a queue, the newest first."""
    return command(int, "LREM", queue, copies, text)


def read_counter(name: str) -> Call[int]:
    """Return a counter."""
    return command(lambda answer: int(answer or 0), "GET", name)


def add_to_counter(name: str, number: int) -> Call[int]:
    """Correct a counter."""
    return command(int, "INCRBY", name, number)


def scan_open(cursor: int) -> Call[tuple[int, list[str]]]:
    """Return some records that are among the open ones, as :func:`scan` does."""
    return _scan_records(keys.OPEN, cursor)


def scan_due(cursor: int) -> Call[tuple[int, list[str]]]:
    """Return some records that the sweeper looks at, as :func:`scan` does."""
    return _scan_records(keys.DUE, cursor)


def lifetime(name: str) -> Call[int]:
    """Return the milliseconds that a key has left: -1 where it stays, -2 where it is not there."""
    return command(int, "PTTL", name)


def type_of(name: str) -> Call[str]:
    """Return the type of a key."""
    return command(as_text, "TYPE", name)


def limit_lifetime(name: str, lifetime_ms: int) -> Call[None]:
    """Give a key that has no lifetime one."""
    return command(as_nothing, "PEXPIRE", name, lifetime_ms, "NX")


def kept_commands() -> Call[list[str]]:
    """Return the ids of all commands that are kept."""
    return command(as_texts, "ZRANGE", keys.COMMANDS, 0, -1)


def going_on() -> Call[list[str]]:
    """Return the ids of all recurring tasks that go on."""
    return command(as_texts, "ZRANGE", keys.SCHEDULES, 0, -1)


def count_claimed_before(moment: int) -> Call[int]:
    """Return how many moments of recurring tasks should have been planned before a moment (ms)."""
    return command(int, "ZCOUNT", keys.CLAIMED, "-inf", f"({moment}")


def last_seen(taker: str) -> Call[int | None]:
    """Return when an aggregator last gave a sign of life (ms); None where it is none."""
    return command(lambda score: None if score is None else int(float(score)), "ZSCORE", keys.TAKERS, taker)


def place(record_id: str, *, mend: bool = False) -> Call[Place]:
    """Return where a record is, at one moment; ``mend`` puts it where it belongs."""

    def decode(answer: Any) -> Place:
        status, is_open, is_looked_at = answer
        return Place(status.decode(), bool(is_open), bool(is_looked_at))

    return function_call("mend_record", [keys.record(record_id), keys.DUE], [record_id, int(mend)], decode)


def mend_counts(invoke_id: str, wrong: Sequence[tuple[str, int, int]], retention_ms: int) -> Call[bool]:
    """Put right (counter, as it is, as it should be); False where they have changed meanwhile."""
    words = [word for name, seen, right in wrong for word in (name, str(seen), str(right))]
    names = [keys.invocation(invoke_id), keys.targets(invoke_id)]
    return function_call("mend_counts", names, [retention_ms, *words], bool)


def _scan_records(name: str, cursor: int) -> Call[tuple[int, list[str]]]:
    def decode(answer: Any) -> tuple[int, list[str]]:
        following, entries = answer
        return int(following), [entry.decode().rpartition("/")[2] for entry, _ in entries]

    return command(decode, "ZSCAN", name, cursor, "COUNT", SCANNED)
