"""Calls about invocations and their records: begin, plan, stop, read."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from cloudassist import ids, limits, schema, topology
from cloudassist.request import Word
from cloudassist.settings import Settings
from cloudassist.store import keys
from cloudassist.store.audit import Act
from cloudassist.store.call import Call, as_fields, as_scores, as_texts, command, flat
from cloudassist.store.library import CLAIM_MARGIN_MS, function_call
from cloudassist.store.refusal import Earlier, Refused, verdict

PLAN_CHUNK: Final = 120
"""Records planned in one call: few enough that it holds the server up for less than 4 ms (docs/performance.md)."""
STOP_CHUNK: Final = 240
"""Records stopped in one call: their keys stay below KEYS_PER_CALL."""
PLANNING_MS: Final = 60_000
"""Milliseconds that a run whose planning was never completed keeps its command from being deleted."""
READ_CHUNK: Final = limits.KEYS_PER_CALL
"""Instances looked up in one call."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things stay, in milliseconds.

    ``order`` is how long a copy of an order can be valid, ``work`` the longest that an invocation can take, ``ended``
    how long what has ended is kept.
    """

    order: int
    work: int
    ended: int

    @property
    def open(self) -> int:
        """Return how long what has not ended is kept, if nobody ends it."""
        return self.work + self.ended

    @classmethod
    def of(cls, settings: Settings, timeout: int, window: float | None = None) -> Self:
        """Return the lifetimes of an invocation whose script may run ``timeout`` seconds.

        It must start within ``window`` seconds; None: the region's.
        """
        window = settings.start_window_seconds if window is None else window
        order = window + timeout + settings.kill_grace_seconds + CLAIM_MARGIN_MS / 1000
        work = order + settings.silence_grace_seconds
        return cls(int(1000 * order), int(1000 * work), int(1000 * settings.retention_seconds))

    @classmethod
    def of_run(cls, settings: Settings, fields: Mapping[str, str]) -> Self:
        """Return the lifetimes of an invocation, or a run of one, that has these fields in the ledger."""
        window = (int(fields["start_by"]) - int(fields["creation_time"])) / 1000
        return cls.of(settings, int(fields["timeout"]), window)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommand:
    """A command that is made by the run of it; ``kept`` False: only for as long as its runs last."""

    fields: Mapping[str, Word]
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Everything that is written of an invocation before its records are planned.

    ``command`` is None where the command exists. ``day`` (YYYY-MM-DD) is the one whose calls are counted. ``records``
    are to be planned at once, none where it recurs.
    """

    invoke_id: str
    command_id: str
    token: str
    digest: str
    payload_key: str
    payload: bytes
    fields: Mapping[str, Word]
    command: NewCommand | None
    day: str
    act: Act
    records: int = 0
    recurs: bool = False


def begin(beginning: Beginning, settings: Settings, lifetimes: Lifetimes) -> Call[Refused | Earlier | None]:
    """Write an invocation down, and its command where that is new; None where that was done."""
    new = beginning.command
    return function_call(
        "begin_invocation",
        [
            keys.client_token(beginning.token),
            keys.invocation(beginning.invoke_id),
            beginning.payload_key,
            keys.calls(beginning.day),
            keys.command(beginning.command_id),
            keys.live(beginning.command_id),
            keys.COMMANDS,
            keys.SEQUENCE,
            keys.AUDIT_TRAIL,
            keys.DUE,
            keys.SCHEDULES,
        ],
        [
            beginning.digest,
            beginning.invoke_id,
            beginning.command_id,
            1000 * settings.client_token_seconds,
            lifetimes.open,
            lifetimes.order,
            beginning.payload,
            settings.calls_per_day,
            PLANNING_MS,
            settings.kept_commands,
            "" if new is None else int(new.kept),
            "" if new is None else json.dumps(flat(new.fields)),
            beginning.act.encode(),
            settings.open_records,
            beginning.records,
            settings.recurring_tasks if beginning.recurs else "",
            *flat(beginning.fields),
        ],
        verdict,
    )


def plan(
    invoke_id: str,
    command_id: str,
    instance_ids: Sequence[str],
    *,
    last: bool,
    lifetimes: Lifetimes,
    check_ms: int,
    open_limit: int,
    schema: int = schema.CURRENT,
    awaits: bool = False,
) -> Call[list[str] | None]:
    """Plan one chunk of records; per instance the empty text or the error code it failed with at once.

    ``schema`` is the least that an instance must speak; ``awaits`` gives offline instances a record that waits for
    them.
    None where the invocation was not begun: an earlier call with the same ClientToken stands.
    """
    record_keys, pairs = of_records(invoke_id, instance_ids)
    return function_call(
        "plan_records",
        [
            keys.invocation(invoke_id),
            keys.targets(invoke_id),
            keys.INVOCATIONS,
            keys.DUE,
            keys.command(command_id),
            keys.live(command_id),
            keys.SEQUENCE,
            *record_keys,
        ],
        [invoke_id, int(last), lifetimes.open, lifetimes.ended, check_ms, open_limit, schema, int(awaits), *pairs],
        lambda answer: None if answer is None else as_texts(answer),
    )


def of_records(run: str, instance_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the keys that planning touches for the record of each instance, and the instances with their records."""
    names: list[str] = []
    pairs: list[str] = []
    for instance_id in instance_ids:
        record_id = ids.record_id(run, instance_id)
        names += (keys.record(record_id), topology.presence_key(instance_id))
        pairs += (instance_id, record_id)
    return names, pairs


def stop(
    invoke_id: str, record_ids: Sequence[str], *, lifetimes: Lifetimes, check_ms: int, caller: str
) -> Call[list[str | None]]:
    """Ask records to stop; per record its status now, None where there is no such record."""
    record_keys: list[str] = []
    for record_id in record_ids:
        _, instance_id = ids.split_record_id(record_id)
        record_keys += (keys.record(record_id), topology.claim_key(instance_id, record_id))
    return function_call(
        "stop_records",
        [keys.invocation(invoke_id), keys.targets(invoke_id), keys.DUE, *record_keys],
        [lifetimes.ended, check_ms, lifetimes.order, caller, *record_ids],
        lambda answer: [None if status is None else status.decode() for status in answer],
    )


def notice(invoke_id: str) -> Call[int]:
    """Return the call that tells whoever waits that something changed in one invocation."""
    return command(int, "PUBLISH", keys.changes(invoke_id), "")


def read(invoke_id: str) -> Call[dict[str, str]]:
    """Return everything written of one invocation; empty where there is none."""
    return command(as_fields, "HGETALL", keys.invocation(invoke_id))


def read_fields(invoke_id: str, *names: str) -> Call[dict[str, str]]:
    """Return some fields of one invocation; those that are not there are left out."""
    return command(_named(names), "HMGET", keys.invocation(invoke_id), *names)


def write_sealed(invoke_id: str, sealed: Sequence[tuple[str, str]], lifetime_ms: int) -> tuple[Call[int], Call[int]]:
    """Write down (instance, sealed key) pairs of one invocation."""
    name = keys.sealed(invoke_id)
    words = (word for pair in sealed for word in pair)
    return command(int, "HSET", name, *words), command(int, "PEXPIRE", name, lifetime_ms)


def read_sealed(invoke_id: str, instance_ids: Sequence[str]) -> Call[list[str]]:
    """Return the sealed key of each of these instances; empty where there is none."""

    def decode(answer: list[bytes | None]) -> list[str]:
        return ["" if value is None else value.decode() for value in answer]

    return command(decode, "HMGET", keys.sealed(invoke_id), *instance_ids)


def write_warrant(invoke_id: str, sealed: str) -> Call[int]:
    """Put another warrant in the place of that of an invocation."""
    return command(int, "HSET", keys.invocation(invoke_id), "warrant", sealed)


def page_targets(invoke_id: str, start: int, size: int) -> Call[list[str]]:
    """Return so many instance ids of one invocation from an index on, in the order they were named; 0 means all."""
    return command(as_texts, "LRANGE", keys.targets(invoke_id), start, start + size - 1)


def count_targets(invoke_id: str) -> Call[int]:
    """Return how many instances one invocation has."""
    return command(int, "LLEN", keys.targets(invoke_id))


def page_newest(before: int | None, size: int) -> Call[list[tuple[str, int]]]:
    """Return so many invocations planned before the one with this number, the newest first, each with its number."""
    bound = "+inf" if before is None else f"({before}"
    words = ("ZRANGE", keys.INVOCATIONS, bound, "-inf", "BYSCORE", "REV", "LIMIT", 0, size, "WITHSCORES")
    return command(as_scores, *words)


def read_number(invoke_id: str) -> Call[int | None]:
    """Return the number of one invocation among all; None where it is not planned, or gone."""
    return command(lambda score: None if score is None else int(score), "ZSCORE", keys.INVOCATIONS, invoke_id)


def total() -> Call[int]:
    """Return how many invocations there are."""
    return command(int, "ZCARD", keys.INVOCATIONS)


def schema_of(fields: Mapping[str, str]) -> int:
    """Return the schema in which the orders of an invocation are written: the first, where it does not say.

    Of one that is too old to be ordered any more, which has no warrant that could be read, it is that of its stops.
    """
    return max(schema.OLDEST, int(fields.get("schema", 1)))


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
