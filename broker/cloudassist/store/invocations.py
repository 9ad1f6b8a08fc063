"""Calls about invocations and their records: plan, read, stop."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from cloudassist import ids, limits, topology
from cloudassist.settings import Settings
from cloudassist.store import keys
from cloudassist.store.call import Call, Word, as_fields, as_texts, command
from cloudassist.store.library import CLAIM_MARGIN_MS, function_call

PLAN_CHUNK: Final = 250
"""Records planned in one call: three keys each, and four more, stay below KEYS_PER_CALL."""
STOP_CHUNK: Final = 250
"""Records stopped in one call, likewise."""
READ_CHUNK: Final = limits.KEYS_PER_CALL
"""Instances looked up in one call."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things stay, in milliseconds.

    ``open`` is the longest that an invocation can take, ``order`` how long a copy of an order can be valid, ``ended``
    how long what has ended is kept.
    """

    open: int
    order: int
    ended: int

    @classmethod
    def of(cls, settings: Settings, timeout: int) -> Self:
        """Return the lifetimes of an invocation whose script may run ``timeout`` seconds."""
        order = settings.start_window_seconds + timeout + settings.kill_grace_seconds + CLAIM_MARGIN_MS / 1000
        open_seconds = order + settings.silence_grace_seconds + settings.retention_seconds
        return cls(int(1000 * open_seconds), int(1000 * order), int(1000 * settings.retention_seconds))


def begin(
    invoke_id: str,
    token: str,
    request_hash: str,
    payload: tuple[str, bytes],
    fields: Mapping[str, Word],
    lifetimes: Lifetimes,
) -> Call[tuple[str, str] | None]:
    """Write an invocation down; None, or the id and the request hash of the earlier call with this token."""

    def decode(answer: list[bytes]) -> tuple[str, str] | None:
        return (answer[0].decode(), answer[1].decode()) if answer else None

    payload_key, payload_bytes = payload
    pairs: list[Word] = [word for pair in fields.items() for word in pair]
    return function_call(
        "begin_invocation",
        [keys.client_token(token), keys.invocation(invoke_id), payload_key],
        [
            invoke_id,
            request_hash,
            limits.CLIENT_TOKEN_SECONDS * 1000,
            lifetimes.open,
            lifetimes.order,
            payload_bytes,
            *pairs,
        ],
        decode,
    )


def plan(
    invoke_id: str,
    instance_ids: Sequence[str],
    *,
    last: bool,
    lifetimes: Lifetimes,
    check_ms: int,
    open_limit: int,
) -> Call[list[str] | None]:
    """Plan one chunk of records; per instance the empty text or the error code it failed with at once.

    None where the invocation was not begun: an earlier call with the same ClientToken stands.
    """
    record_keys: list[str] = []
    pairs: list[str] = []
    for instance_id in instance_ids:
        record_id = ids.record_id(invoke_id, instance_id)
        record_keys += (
            keys.record(record_id),
            keys.open_records(instance_id),
            topology.presence_key(instance_id),
        )
        pairs += (instance_id, record_id)
    return function_call(
        "plan_records",
        [keys.invocation(invoke_id), keys.targets(invoke_id), keys.INVOCATIONS, keys.DUE, *record_keys],
        [invoke_id, int(last), lifetimes.open, lifetimes.ended, check_ms, open_limit, *pairs],
        lambda answer: None if answer is None else as_texts(answer),
    )


def stop(invoke_id: str, record_ids: Sequence[str], *, lifetimes: Lifetimes, check_ms: int) -> Call[list[str | None]]:
    """Ask records to stop; per record its status now, None where there is no such record."""
    record_keys: list[str] = []
    for record_id in record_ids:
        _, instance_id = ids.split_record_id(record_id)
        record_keys += (
            keys.record(record_id),
            topology.claim_key(instance_id, record_id),
            keys.open_records(instance_id),
        )
    return function_call(
        "stop_records",
        [keys.invocation(invoke_id), keys.targets(invoke_id), keys.DUE, *record_keys],
        [lifetimes.ended, check_ms, lifetimes.order, *record_ids],
        lambda answer: [None if status is None else status.decode() for status in answer],
    )


def read(invoke_id: str) -> Call[dict[str, str]]:
    """Return everything written of one invocation; empty where there is none."""
    return command(as_fields, "HGETALL", keys.invocation(invoke_id))


def read_fields(invoke_id: str, *names: str) -> Call[dict[str, str]]:
    """Return some fields of one invocation; those that are not there are left out."""
    return command(_named(names), "HMGET", keys.invocation(invoke_id), *names)


def page_targets(invoke_id: str, start: int, size: int) -> Call[list[str]]:
    """Return so many instance ids of one invocation from an index on, in the order they were named."""
    return command(as_texts, "LRANGE", keys.targets(invoke_id), start, start + size - 1)


def page_newest(start: int, size: int) -> Call[list[str]]:
    """Return so many invocation ids from an index on, newest first."""
    return command(as_texts, "ZRANGE", keys.INVOCATIONS, start, start + size - 1, "REV")


def read_record(record_id: str) -> Call[dict[str, str]]:
    """Return what is written of one record; empty where there is none."""
    return command(as_fields, "HGETALL", keys.record(record_id))


def read_record_fields(record_id: str, *names: str) -> Call[dict[str, str]]:
    """Return some fields of one record; those that are not there are left out."""
    return command(_named(names), "HMGET", keys.record(record_id), *names)


def read_output(record_id: str) -> Call[bytes]:
    """Return the kept output of one record."""
    return command(lambda answer: answer or b"", "GET", keys.output(record_id))


def _named(names: Sequence[str]) -> Callable[[list[Any]], dict[str, str]]:
    def decode(answer: list[Any]) -> dict[str, str]:
        return {name: value.decode() for name, value in zip(names, answer, strict=True) if value is not None}

    return decode
