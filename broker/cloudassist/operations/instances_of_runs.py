"""The instances of runs, as the list of the runs shows them: of each its last record (API a.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cloudassist import ids, limits
from cloudassist.content_encoding import ContentEncoding
from cloudassist.models.record import InvocationResult, InvokeInstance
from cloudassist.operations.steps import Operation
from cloudassist.store import invocations, schedules
from cloudassist.store.schedules import Member

Fields = Mapping[str, str]
_OF_RUN = ("command_id", "username", "creation_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown of each run; ``instance_id`` None: its first hundred instances."""

    output: bool
    encoding: ContentEncoding
    instance_id: str | None


@dataclass(frozen=True, slots=True)
class _Row:
    """One instance of one run; ``member`` is there where the run recurs."""

    instance_id: str
    record_id: str
    member: Member | None


def instances_of(names: Sequence[str], fields: Sequence[Fields], shown: Shown) -> Operation[list[list[InvokeInstance]]]:
    """Read what is shown of the instances of each run; ``fields`` are those of the runs."""
    if shown.instance_id is None:
        targets = yield [invocations.page_targets(name, 0, limits.INSTANCES_SHOWN) for name in names]
    else:
        targets = [[shown.instance_id]] * len(names)
    rows = yield from _rows(names, fields, targets)
    flat = [row for few in rows for row in few]
    records = yield [invocations.read_record(row.record_id) for row in flat]
    outputs: list[Any] = [b""] * len(flat)
    if shown.output:
        outputs = yield [invocations.read_output(row.record_id) for row in flat]
    runs = dict(zip(names, fields, strict=True))
    single = list(dict.fromkeys(run for row in flat if (run := ids.split_record_id(row.record_id)[0]) not in runs))
    runs |= dict(zip(single, (yield [invocations.read_fields(run, *_OF_RUN) for run in single]), strict=True))
    read = iter(zip(records, outputs, strict=True))
    found = [
        [_instance(row, runs, *of_row, shown.encoding) for row, of_row in zip(few, islice(read, len(few)), strict=True)]
        for few in rows
    ]
    return [[row for row in few if row is not None] for few in found]


def _rows(
    names: Sequence[str], fields: Sequence[Fields], targets: Sequence[Sequence[str]]
) -> Operation[list[list[_Row]]]:
    """Find the last record of each instance of each run."""
    recurring = [
        (name, of_run) for name, found, of_run in zip(names, fields, targets, strict=True) if "frequency" in found
    ]
    calls = [schedules.read_members(name, of_run) for name, of_run in recurring]
    members = dict(zip((name for name, _ in recurring), (yield calls), strict=True))
    return [
        [
            _Row(instance_id, last_record(name, instance_id, member), member)
            for instance_id, member in zip(of_run, members.get(name, [None] * len(of_run)), strict=True)
        ]
        for name, of_run in zip(names, targets, strict=True)
    ]


def last_record(invoke_id: str, instance_id: str, member: Member | None) -> str:
    """Return the last record of a run on an instance; ``member`` is how that stands where the run recurs."""
    run = invoke_id if member is None else ids.occurrence_id(invoke_id, member.last)
    return ids.record_id(run, instance_id)


def _instance(
    row: _Row, runs: Mapping[str, Fields], record: Fields, output: bytes, encoding: ContentEncoding
) -> InvokeInstance | None:
    run = runs[ids.split_record_id(row.record_id)[0]]
    last = InvocationResult.of(row.record_id, run, record, output, encoding) if record and run else None
    if row.member is not None:
        return InvokeInstance.of_task(row.instance_id, row.member.status, row.member.repeats, last)
    return None if last is None else InvokeInstance.of_result(last)
