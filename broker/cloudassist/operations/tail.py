"""Following what the scripts of one invocation write, while they run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudassist import limits
from cloudassist.operations.instances_of_runs import last_record
from cloudassist.operations.progress import progress, watch
from cloudassist.operations.steps import Context, Operation, Tell
from cloudassist.status import TERMINAL
from cloudassist.store import invocations, schedules

_FIELDS = ("status", "output_start", "output_end", "dropped")


@dataclass(frozen=True, slots=True)
class Piece:
    """What one instance wrote since the last piece; ``skipped`` bytes before it were not kept."""

    instance_id: str
    data: bytes
    skipped: int = 0


def tail(context: Context, invoke_id: str, timeout: float | None = None) -> Operation[None]:
    """Tell pieces of output as they come, of the first hundred instances of an invocation, until it has ended.

    Of a recurring one it is the last record of each instance that is followed.

    Raises as :func:`~cloudassist.operations.progress.follow` does.
    """
    names: list[str] = []
    told: dict[str, int] = {}
    open_records: dict[str, str] = {}
    seen: set[str] = set()

    def look() -> Operation[bool]:
        now = yield from progress(context, invoke_id)
        if not names:
            names.extend((yield [invocations.page_targets(invoke_id, 0, limits.INSTANCES_SHOWN)])[0])
        if now.recurring or not seen:
            (members,) = yield [schedules.read_members(invoke_id, names)]
            for name, member in zip(names, members, strict=True):
                record_id = last_record(invoke_id, name, member)
                if record_id not in seen and (member is None or member.last):
                    seen.add(record_id)
                    open_records[record_id], told[name] = name, 0
        yield from _tell_new(open_records, told)
        return now.ended

    yield from watch(invoke_id, timeout, look)


def _tell_new(open_records: dict[str, str], told: dict[str, int]) -> Operation[None]:
    """Tell what is new of records; those that have ended are told to their end, and then left alone."""
    record_ids = list(open_records)
    records = yield [invocations.read_record_fields(record_id, *_FIELDS) for record_id in record_ids]
    changed = [
        (record_id, record)
        for record_id, record in zip(record_ids, records, strict=True)
        if record.get("status") in TERMINAL or int(record.get("output_end", 0)) > told[open_records[record_id]]
    ]
    outputs: Sequence[Any] = yield [invocations.read_output(record_id) for record_id, _ in changed]
    for (record_id, record), output in zip(changed, outputs, strict=True):
        name = open_records[record_id]
        for start, data in _parts(record, output):
            end = start + len(data)
            if end > told[name]:
                yield Tell(Piece(name, data[max(0, told[name] - start) :], max(0, start - told[name])))
                told[name] = end
        if record["status"] in TERMINAL:
            del open_records[record_id]


def _parts(record: Mapping[str, str], output: bytes) -> list[tuple[int, bytes]]:
    """Return the parts of a record's output that are known, each with the number of bytes before it."""
    if record["status"] not in TERMINAL:
        return [(int(record.get("output_start", 0)), output)]
    dropped = int(record.get("dropped", 0))
    if not dropped:
        return [(0, output)]
    # What was kept are the first and the last part, half and half (capture.py of the agent).
    half = len(output) // 2
    return [(0, output[:half]), (half + dropped, output[half:])]
