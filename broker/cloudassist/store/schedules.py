"""Calls about recurring tasks: write one down, claim its moments, plan its runs, stop it, read it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from cloudassist import ids, topology
from cloudassist.request import Word
from cloudassist.settings import Settings
from cloudassist.status import InvocationStatus
from cloudassist.store import keys
from cloudassist.store.call import Call, as_texts, command
from cloudassist.store.invocations import Lifetimes, of_records
from cloudassist.store.library import function_call

ADD_CHUNK: Final = 1_000
"""Instances of a recurring task that are written down in one call."""
PLAN_CHUNK: Final = 240
"""Records planned in one call: two keys each, and eight more, stay below KEYS_PER_CALL."""
FOREVER_MS: Final = 4_102_444_800_000
"""The end of the calendar of expressions (the year 2100), until which a task that goes on holds its command."""
CHANNEL: Final = "schedules"
"""What takes the place of an invocation's id where it is told that recurring tasks have changed."""

GONE: Final = "gone"
"""Planning: nothing is planned here, the instance was stopped, or all this was done before."""
SKIPPED: Final = "skipped"
"""Planning: the instance's last run has not ended."""


class What(StrEnum):
    """What becomes of a moment that is claimed."""

    RUN = "run"
    NONE = "none"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Claim:
    """A moment to claim: it was ``due``; ``last`` is the newest that is over by now, ``following`` the next, if any.

    All in milliseconds. ``missed`` moments are not made up for.
    """

    invoke_id: str
    due: int
    last: int
    following: int | None
    missed: int
    what: What


@dataclass(frozen=True, slots=True)
class Due:
    """What is due: ``tasks`` with their moments, and when something claimed may have to be handed over again (ms)."""

    now: int
    hand_over_at: int | None
    tasks: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Member:
    """How one instance of a recurring task stands; ``last`` is the moment of its last record, 0 where there is none.

    ``open`` counts the records that have not ended, ``repeats`` those that have started, ``skipped`` the moments at
    which the last one had not ended.
    """

    status: InvocationStatus
    last: int
    open: int
    repeats: int
    skipped: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what the functions write (``_fleet.lua``)."""
        status, _seen, last, _outcome, open_records, repeats, skipped = json.loads(data)
        return cls(InvocationStatus(status), int(last), int(open_records), int(repeats), int(skipped))


def add(
    invoke_id: str, command_id: str, instance_ids: Sequence[str], *, last: bool, lifetimes: Lifetimes, due: int
) -> Call[bool]:
    """Write one chunk of instances down; False where the invocation was not begun."""
    return function_call(
        "add_schedule",
        [
            keys.invocation(invoke_id),
            keys.targets(invoke_id),
            keys.fleet(invoke_id),
            keys.INVOCATIONS,
            keys.SCHEDULES,
            keys.command(command_id),
            keys.live(command_id),
            keys.SEQUENCE,
        ],
        [invoke_id, int(last), lifetimes.open, due, FOREVER_MS, *instance_ids],
        bool,
    )


def list_due(ahead_ms: int, most: int) -> Call[Due]:
    """Return the tasks whose moments have come, or come within ``ahead_ms``; at most so many."""

    def decode(answer: list[Any]) -> Due:
        now, hand_over_at, due = answer
        words = due.decode().split()
        pairs = list(zip(words[::2], map(int, words[1::2]), strict=True))
        return Due(now, int(hand_over_at) if hand_over_at else None, pairs)

    return function_call("list_schedules", [keys.SCHEDULES, keys.CLAIMED], [ahead_ms, most], decode)


def claim(claims: Sequence[Claim], hold_ms: int) -> Call[list[str]]:
    """Claim moments, unless others have; return the occurrences that dispatch is to plan."""
    together: dict[tuple[Word, ...], list[str]] = {}
    for each in claims:
        what = (str(each.due), str(each.last), each.following or "", each.missed, each.what)
        together.setdefault(what, []).append(each.invoke_id)
    text = json.dumps([(*what, names) for what, names in together.items()], separators=(",", ":"))
    return function_call(
        "claim_occurrences", [keys.SCHEDULES, keys.CLAIMED], [hold_ms, text], lambda answer: answer.decode().split()
    )


def take_claimed(hold_ms: int, most: int) -> Call[list[str]]:
    """Return occurrences that were claimed ``hold_ms`` ago, and are neither planned nor on their way to dispatch."""
    return function_call("take_claimed", [keys.CLAIMED, topology.DISPATCH_QUEUE], [hold_ms, most], as_texts)


def forget_claims(occurrences: Sequence[str]) -> Call[int]:
    """Let go of moments that were claimed, and whose tasks are gone."""
    return command(int, "ZREM", keys.CLAIMED, *occurrences)


def plan(
    occurrence: str,
    instance_ids: Sequence[str],
    payload: tuple[str, bytes],
    fields: Mapping[str, Word],
    settings: Settings,
    lifetimes: Lifetimes,
    *,
    last: bool,
) -> Call[list[str]]:
    """Plan one chunk of a run; per instance the empty text, the code it failed with at once, SKIPPED or GONE.

    ``payload`` is put where the orders say that it is, for as long as one of them can be valid.
    """
    task = ids.task_of(occurrence)
    names, pairs = of_records(occurrence, instance_ids)
    return function_call(
        "plan_occurrence",
        [
            keys.invocation(occurrence),
            keys.invocation(task),
            keys.fleet(task),
            keys.history(task),
            keys.RETIRED,
            keys.CLAIMED,
            keys.DUE,
            payload[0],
            *names,
        ],
        [
            occurrence,
            task,
            ids.moment_of(occurrence),
            int(last),
            lifetimes.open,
            lifetimes.ended,
            int(1000 * settings.redelivery_seconds),
            settings.running_per_instance + settings.waiting_per_instance,
            settings.overlap,
            settings.history_runs,
            json.dumps(fields),
            payload[1],
            lifetimes.order,
            *pairs,
        ],
        as_texts,
    )


def stop(invoke_id: str, instance_ids: Sequence[str], lifetimes: Lifetimes, *, all_: bool) -> Call[list[str | None]]:
    """Let nothing more start; per instance its status now, None where the task is not on it."""
    return function_call(
        "stop_schedule",
        [keys.invocation(invoke_id), keys.fleet(invoke_id), keys.SCHEDULES],
        [invoke_id, lifetimes.ended, int(all_), *instance_ids],
        lambda answer: [None if status is None else status.decode() for status in answer],
    )


def read_members(invoke_id: str, instance_ids: Sequence[str]) -> Call[list[Member | None]]:
    """Return how these instances stand; None where the task is not on one."""

    def decode(answer: list[bytes | None]) -> list[Member | None]:
        return [None if data is None else Member.decode(data) for data in answer[: len(instance_ids)]]

    # The server wants at least one name.
    return command(decode, "HMGET", keys.fleet(invoke_id), *(instance_ids or [""]))


def read_next(invoke_id: str) -> Call[int | None]:
    """Return the next moment (ms) of a recurring task; None where it does not go on."""
    return command(lambda score: None if score is None else int(score), "ZSCORE", keys.SCHEDULES, invoke_id)


def count() -> Call[int]:
    """Return how many recurring tasks go on."""
    return command(int, "ZCARD", keys.SCHEDULES)


def first_moment() -> Call[int | None]:
    """Return the first moment (ms) that no beat has claimed; None where nothing recurs."""

    def decode(answer: list[list[Any]]) -> int | None:
        return int(float(answer[0][1])) if answer else None

    return command(decode, "ZRANGE", keys.SCHEDULES, 0, 0, "WITHSCORES")


def count_claimed() -> Call[int]:
    """Return how many moments were claimed that dispatch has not planned."""
    return command(int, "ZCARD", keys.CLAIMED)


def page_history(invoke_id: str, before: int | None, size: int) -> Call[list[str]]:
    """Return so many runs that are kept from before a moment (ms), the newest first."""
    bound = "+inf" if before is None else f"({before}"
    words = ("ZRANGE", keys.history(invoke_id), bound, "-inf", "BYSCORE", "REV", "LIMIT", 0, size)
    return command(lambda answer: [ids.occurrence_id(invoke_id, int(due)) for due in answer], *words)


def count_history(invoke_id: str) -> Call[int]:
    """Return how many runs are kept."""
    return command(int, "ZCARD", keys.history(invoke_id))
