"""DescribeInvocationResults: what became of each execution (API a.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from cloudassist import ids
from cloudassist.content_encoding import ContentEncoding
from cloudassist.error_code import DetailStatus, detail_status
from cloudassist.errors import InvalidParameterError
from cloudassist.models.record import InvocationResult
from cloudassist.operations import arguments, listing, not_built
from cloudassist.operations.describe_invocations import one_of
from cloudassist.operations.instances_of_runs import last_record
from cloudassist.operations.listing import Index, Listing, Position
from cloudassist.operations.not_built import ListNotBuilt
from cloudassist.operations.progress import known_invocation
from cloudassist.operations.steps import Context, Operation
from cloudassist.status import InvocationStatus
from cloudassist.store import invocations, schedules

STATUSES = (*dict.fromkeys([*map(str, InvocationStatus), *map(str, DetailStatus)]),)
"""What ``invoke_record_status`` may be: a status of either vocabulary."""

_Entries = list[tuple[Position, str]]


def describe_invocation_results(
    context: Context,
    invoke_id: str | None = None,
    *,
    instance_id: str | None = None,
    command_id: str | None = None,
    invoke_record_status: str | None = None,
    include_history: bool = False,
    content_encoding: str = "PlainText",
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
    **refused: Unpack[ListNotBuilt],
) -> Operation[Listing[InvocationResult]]:
    """Return a page of results: of the newest run first, within a run in the order its instances were named (API a.7).

    Filters are combined; ``invoke_record_status`` is one of either vocabulary. ``content_encoding`` says how ``output``
    is written. Of a recurring run the last record of each instance is shown; with ``include_history`` all that are
    kept, of the newest moment first.
    """
    not_built.refuse("describe_invocation_results", ListNotBuilt, refused)
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    encoding = arguments.content_encoding(content_encoding)
    status = one_of("invoke_record_status", invoke_record_status, STATUSES)
    history = arguments.flag("include_history", include_history)
    fields = {} if invoke_id is None else (yield from known_invocation(invoke_id))
    if history and "frequency" not in fields:
        raise _no_history(invoke_id)
    scope = _Scope(invoke_id, instance_id, history=history, recurring="frequency" in fields)
    index = _index(scope, _Chosen(command_id, status), encoding)
    filters = {"by": [invoke_id, instance_id, command_id, status, history]}
    return (yield from listing.page("results", filters, wanted, index))


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is gone over: one run or all, one instance or all; of a recurring run perhaps its whole history."""

    invoke_id: str | None
    instance_id: str | None
    history: bool
    recurring: bool


class _Chosen:
    """Which records are wanted, of those that the index goes over."""

    def __init__(self, command_id: str | None, status: str | None) -> None:
        self._command_id = command_id
        self._status = status

    @property
    def is_open(self) -> bool:
        """Tell whether every record fits."""
        return self._command_id is None and self._status is None

    def fit(self, record_ids: Sequence[str]) -> Operation[list[bool]]:
        """Tell which records fit."""
        fields = ("status", "error_code", "exit_code", "start_time")
        answers: list[Any] = yield [
            call
            for record_id in record_ids
            for call in (
                invocations.read_fields(ids.split_record_id(record_id)[0], "planned", "command_id"),
                invocations.read_record_fields(record_id, *fields),
            )
        ]
        return [self._fits(*answers[2 * number : 2 * number + 2]) for number in range(len(record_ids))]

    def _fits(self, invocation: Mapping[str, str], record: Mapping[str, str]) -> bool:
        if "planned" not in invocation or not record or self._command_id not in {None, invocation["command_id"]}:
            return False
        status = InvocationStatus(record["status"])
        detail = detail_status(
            status,
            error_code=record.get("error_code", ""),
            exit_code=int(record["exit_code"]) if "exit_code" in record else None,
            started="start_time" in record,
        )
        return self._status in {None, status, detail}


def _index(scope: _Scope, chosen: _Chosen, encoding: ContentEncoding) -> Index[InvocationResult]:
    invoke_id, instance_id = scope.invoke_id, scope.instance_id

    def after(position: Position, size: int) -> Operation[_Entries]:
        if scope.history:
            assert invoke_id is not None
            return (yield from _of_history(invoke_id, instance_id, position, size))
        if invoke_id is not None and instance_id is not None:
            return [] if position else [("1", (yield from _last_records([(invoke_id, instance_id)]))[0])]
        if invoke_id is not None:
            return (yield from _of_run(invoke_id, int(position or 0), size, recurring=scope.recurring))
        if instance_id is not None:
            (found,) = yield [invocations.page_newest(int(position) if position else None, size)]
            record_ids = yield from _last_records([(name, instance_id) for name, _ in found])
            return [(str(number), record_id) for (_, number), record_id in zip(found, record_ids, strict=True)]
        return (yield from _of_all(position, size))

    def load(record_ids: Sequence[str]) -> Operation[list[InvocationResult | None]]:
        runs = list(dict.fromkeys(ids.split_record_id(record_id)[0] for record_id in record_ids))
        fields = dict(zip(runs, (yield [invocations.read(name) for name in runs]), strict=True))
        answers: list[Any] = yield [
            call
            for record_id in record_ids
            for call in (invocations.read_record(record_id), invocations.read_output(record_id))
        ]
        rows = zip(record_ids, answers[::2], answers[1::2], strict=True)
        return [
            InvocationResult.of(record_id, found, record, output, encoding)
            if record and (found := fields[ids.split_record_id(record_id)[0]])
            else None
            for record_id, record, output in rows
        ]

    def total() -> Operation[int]:
        assert invoke_id is not None
        (count,) = yield [invocations.count_targets(invoke_id)]
        return int(count)

    one_run = invoke_id is not None and instance_id is None and not scope.recurring
    return Index(after, load, total, None if one_run and chosen.is_open else chosen.fit)


def _last_records(pairs: Sequence[tuple[str, str]]) -> Operation[list[str]]:
    """Return the last record of each run on an instance."""
    members = yield [schedules.read_members(invoke_id, [instance_id]) for invoke_id, instance_id in pairs]
    return [last_record(*pair, member) for pair, (member,) in zip(pairs, members, strict=True)]


def _of_run(invoke_id: str, start: int, size: int, *, recurring: bool = True) -> Operation[_Entries]:
    """Return the last records of a run from an index on; ``recurring`` False where it is known to be made once."""
    (names,) = yield [invocations.page_targets(invoke_id, start, size)]
    (members,) = (yield [schedules.read_members(invoke_id, names)]) if recurring else [[None] * len(names)]
    return [
        (str(start + number), last_record(invoke_id, name, member))
        for number, (name, member) in enumerate(zip(names, members, strict=True), 1)
    ]


def _of_history(invoke_id: str, instance_id: str | None, position: Position, size: int) -> Operation[_Entries]:
    """Return records of one moment after the other; a position is the moment, and how far its records were read."""
    moment, _, read = position.partition(":")
    found: _Entries = []
    while len(found) < size:
        if not read:
            (runs,) = yield [schedules.page_history(invoke_id, int(moment) if moment else None, 1)]
            if not runs:
                break
            moment, read = str(ids.moment_of(runs[0])), "0"
        wanted = size - len(found)
        names = [instance_id] if instance_id is not None and read == "0" else []
        if instance_id is None:
            (names,) = yield [invocations.page_targets(invoke_id, int(read), wanted)]
        run = ids.occurrence_id(invoke_id, int(moment))
        start = int(read)
        found += ((f"{moment}:{start + number}", ids.record_id(run, name)) for number, name in enumerate(names, 1))
        read = str(start + len(names)) if len(names) == wanted and instance_id is None else ""
    return found


def _of_all(position: Position, size: int) -> Operation[_Entries]:
    """Return records of one run after the other; a position is the run's number, its id, and how far it was read."""
    number, invoke_id, read = position.split(":") if position else ("", "", "0")
    found: _Entries = []
    while len(found) < size:
        if not invoke_id:
            (runs,) = yield [invocations.page_newest(int(number) if number else None, 1)]
            if not runs:
                break
            (invoke_id, newest), read = runs[0], "0"
            number = str(newest)
        wanted = size - len(found)
        entries = yield from _of_run(invoke_id, int(read), wanted)
        found += ((f"{number}:{invoke_id}:{place}", record_id) for place, record_id in entries)
        read = str(int(read) + len(entries))
        if len(entries) < wanted:
            invoke_id = ""
    return found


def _no_history(invoke_id: str | None) -> InvalidParameterError:
    if invoke_id is None:
        return InvalidParameterError("MissingParameter.InvokeId", "include_history needs an invoke_id")
    return InvalidParameterError(
        "InvalidOperation.RepeatModeUnsupported", f"{invoke_id} is not a recurring run: it has no history", status=403
    )
