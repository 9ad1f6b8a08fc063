"""Calls of the sweeper: which records to look at, and how to end or postpone them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from cloudassist import ids, topology
from cloudassist.error_code import ErrorCode
from cloudassist.store import keys
from cloudassist.store.call import Call, as_fields, as_nothing, command
from cloudassist.store.library import function_call

Text = str | Literal[False]
"""What a function of the library tells; False where there is nothing."""


class Seen(NamedTuple):
    """What the ledger holds of a record that is to be looked at; False where there is nothing.

    ``record`` is its status, start time, tries, and whether its order waited at the last look; ``invocation`` whether
    that is planned, its creation time, deliver-by, start-by and timeout; ``orders`` and ``stops`` count what lies in
    the queues of its instance, whose sign of life is ``presence``.
    """

    record_id: str
    record: Sequence[Text]
    invocation: Sequence[Text]
    claim: Text
    presence: Text
    orders: int
    stops: int


def observe_due(most: int, hold_ms: int) -> Call[tuple[int, list[Seen]]]:
    """Return the server's time (ms) and the records whose look is due; others leave them alone for ``hold_ms``."""

    def decode(answer: list[Any]) -> tuple[int, list[Seen]]:
        now, *found = answer
        rows: list[list[Any]] = json.loads(found[0].decode(errors="replace")) if found else []
        return now, [Seen(*row) for row in rows]

    return function_call("observe_due", [keys.DUE], [most, hold_ms], decode)


def count_open() -> Call[int]:
    """Return how many records have not ended."""
    return command(int, "ZCARD", keys.DUE)


def count_stopping() -> Call[int]:
    """Return how many of them are to stop."""
    return command(int, "ZCARD", keys.STOPPING)


def count_ended() -> Call[dict[tuple[str, str], int]]:
    """Return how many records have ever ended, by status and error code: one of ours, ``other``, or empty."""

    def decode(answer: dict[bytes, bytes]) -> dict[tuple[str, str], int]:
        counts = {}
        for name, count in as_fields(answer).items():
            status, _, error_code = name.partition(":")
            counts[status, error_code] = int(count)
        return counts

    return command(decode, "HGETALL", keys.ENDED)


def count_due_before(moment: int) -> Call[int]:
    """Return how many records should have been looked at before a moment (ms)."""
    return command(int, "ZCOUNT", keys.DUE, "-inf", f"({moment}")


def queue_length(queue: str) -> Call[int]:
    """Return how many messages wait in a queue."""
    return command(int, "LLEN", queue)


@dataclass(frozen=True, slots=True)
class ServerState:
    """How long the server has been up, and how many writes it has refused for want of memory since."""

    uptime_seconds: int
    refusals: int


def server_state() -> Call[ServerState]:
    """Return how the server is."""

    def decode(answer: dict[str, Any]) -> ServerState:
        refused: dict[str, int] = answer.get("errorstat_OOM", {})
        return ServerState(int(answer["uptime_in_seconds"]), int(refused.get("count", 0)))

    return command(decode, "INFO", "server", "errorstats")


def postpone(looks: Mapping[str, int]) -> Call[None]:
    """Look at records again at these moments (ms), as far as they have not ended by then."""
    pairs = [word for record_id, at_ms in looks.items() for word in (at_ms, record_id)]
    return command(as_nothing, "ZADD", keys.DUE, "XX", *pairs)


def forget(record_id: str) -> Call[None]:
    """Do not look at a record again."""
    return command(as_nothing, "ZREM", keys.DUE, record_id)


def count_try(record_id: str) -> Call[None]:
    """Count that a record's order was handed to dispatch again."""
    return command(as_nothing, "HINCRBY", keys.record(record_id), "tries", 1)


def expire(record_id: str, retention_ms: int, claim_ms: int) -> Call[bool]:
    """End a record that nobody has claimed as Failed DeliveryTimeout; whether it was ended."""
    _, instance_id = ids.split_record_id(record_id)
    names = [*_record_keys(record_id), topology.claim_key(instance_id, record_id)]
    return function_call("expire_record", names, [record_id, ErrorCode.DELIVERY_TIMEOUT, retention_ms, claim_ms], bool)


def fail(record_id: str, error_code: ErrorCode, retention_ms: int) -> Call[bool]:
    """End a record of a silent instance as Failed; whether it was ended."""
    return function_call("fail_record", _record_keys(record_id), [record_id, error_code, retention_ms], bool)


def _record_keys(record_id: str) -> Sequence[str]:
    invoke_id, _ = ids.split_record_id(record_id)
    return [
        keys.record(record_id),
        keys.invocation(invoke_id),
        keys.targets(invoke_id),
        keys.DUE,
    ]
