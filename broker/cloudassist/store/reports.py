"""Calls of the aggregator: take reports, apply them, put aside what cannot be read."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import ids, limits, topology
from cloudassist.messages import Report
from cloudassist.store import keys
from cloudassist.store.call import Call, as_fields, as_nothing, as_texts, command
from cloudassist.store.library import function_call

APPLIED: Final = 100
"""Reports applied in one call: nobody waits for it longer than a few ms."""
FLOODED: Final = "flooded"
"""Counts the messages that were dropped unread because too many were waiting."""
TAKE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of reports after which no more are taken at a time."""

STARTED: Final = "started"
"""A report that was applied, and was the first to tell of its record's start."""
CHANGED: Final = "applied"
"""Any other report that was applied."""

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Taken:
    """What an aggregator is to apply now, and how many reports are left for later, or for others.

    ``revocations`` grows when an instance is deregistered: what is known of keys then is out of date.
    """

    left: int
    messages: list[bytes]
    revocations: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of reports of one run, each in a word, and since when (ms) its records were wanted, if it is there.

    That is when the call was made, or the moment at which a recurring task was due. The words are ``started``,
    ``applied``, ``duplicate``, ``late``, ``unknown``, and ``failed``: that met an error, the others did not.
    """

    words: list[str]
    since: int | None


def take(
    taker: str, done: int, waiting: int = limits.WAITING_REPORTS, waiting_bytes: int = limits.WAITING_BYTES
) -> Call[Taken]:
    """Remove the first ``done`` messages from this aggregator's taken list, fill it up, and return all of it.

    No more than so many, or about so many bytes, are left waiting: of more the newest are dropped, and counted among
    the rejected.
    """
    return function_call(
        "take_reports",
        [topology.REPORTS_QUEUE, keys.taken(taker), keys.TAKERS, keys.REJECTED_COUNTS, keys.REVOCATIONS],
        [
            taker,
            done,
            limits.REPORTS_PER_TAKE,
            TAKE_BYTES,
            waiting,
            waiting_bytes,
            limits.REPORTS_DROPPED,
            FLOODED,
        ],
        lambda answer: Taken(*answer),
    )


def wait_for_one(taker: str, seconds: float) -> Call[bytes | None]:
    """Wait for a report and take it; None where none came in so many seconds."""
    return command(_as_is, "BLMOVE", topology.REPORTS_QUEUE, keys.taken(taker), "RIGHT", "LEFT", seconds)


def apply(reports: Sequence[Report], *, retention_ms: int, watch_ms: int) -> Call[Applied]:
    """Apply reports of one invocation, at most APPLIED."""
    invoke_id, _ = ids.split_record_id(reports[0].record_id)
    return function_call(
        "apply_reports",
        [keys.invocation(invoke_id), keys.targets(invoke_id), keys.DUE],
        [
            retention_ms,
            watch_ms,
            limits.OUTPUT_BYTES,
            _encode([_row(report) for report in reports]),
            *(report.output for report in reports),
        ],
        _applied,
    )


def _applied(answer: list[Any]) -> Applied:
    *words, since = answer
    return Applied(as_texts(words), int(since) if since else None)


def _row(report: Report) -> list[str | list[str]]:
    """Return a report as the function reads it: as text, for Lua has no whole numbers."""
    named = (
        ("finish_time", report.finish_time),
        ("exit_code", report.exit_code),
        ("error_code", report.error_code or None),
        ("error_info", report.error_info or None),
        ("dropped", report.dropped or None),
        ("ended", report.ended or None),
        ("killed", report.killed or None),
    )
    return [
        report.record_id,
        str(report.sequence),
        report.status.value,
        "" if report.start_time is None else str(report.start_time),
        str(report.position),
        "" if report.exit_code is None else str(report.exit_code),
        [text for name, value in named if value is not None for text in (name, str(value))],
    ]


def put_aside(messages: Sequence[tuple[bytes, str]]) -> list[Call[None]]:
    """Keep messages that cannot be used, each with its reason, and count them."""
    entries = [
        json.dumps({"reason": reason, "bytes": len(message), "begin": message[:512].decode(errors="replace")})
        for message, reason in messages[-limits.REJECTED_MESSAGES :]
    ]
    counts = Counter(reason for _, reason in messages)
    return [
        command(as_nothing, "LPUSH", keys.REJECTED, *entries),
        command(as_nothing, "LTRIM", keys.REJECTED, 0, limits.REJECTED_MESSAGES - 1),
        *(command(as_nothing, "HINCRBY", keys.REJECTED_COUNTS, reason, count) for reason, count in counts.items()),
    ]


def takers() -> Call[list[str]]:
    """Return every aggregator that may hold taken reports."""
    return command(as_texts, "ZRANGE", keys.TAKERS, 0, -1)


def rejected() -> Call[dict[str, int]]:
    """Return how many messages were put aside, by reason."""

    def decode(answer: dict[bytes, bytes]) -> dict[str, int]:
        return {reason: int(count) for reason, count in as_fields(answer).items()}

    return command(decode, "HGETALL", keys.REJECTED_COUNTS)


def adopt(dead: str, taker: str, silence_ms: int) -> Call[int]:
    """Take over what a dead aggregator had taken, with empty hands; how many messages, or -1 where it lives."""
    return function_call(
        "adopt_reports",
        [keys.taken(dead), keys.taken(taker), keys.TAKERS],
        [dead, silence_ms],
        int,
    )


def retire(taker: str, done: int, silence_ms: int) -> Call[int]:
    """Take an aggregator that stops off the list, after removing what it has ``done``; return how many it leaves.

    These may be adopted as if it had been silent for so long.
    """
    return function_call("retire_reports", [keys.taken(taker), keys.TAKERS], [taker, done, silence_ms], int)


def backlog(taker_names: list[str]) -> list[Call[int]]:
    """Return the calls that count the reports not yet applied: those waiting and those taken."""
    lists = [topology.REPORTS_QUEUE, *(keys.taken(name) for name in taker_names)]
    return [command(int, "LLEN", name) for name in lists]


def _as_is(answer: Any) -> Any:
    return answer
