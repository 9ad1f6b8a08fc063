"""DescribeInvocations: the runs, each with how it and its instances stand (API a.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Unpack

from cloudassist import ids
from cloudassist.errors import InvalidParameterError
from cloudassist.models.invocation import PROGRESS, InvocationSummary, Progress
from cloudassist.operations import arguments, listing, not_built
from cloudassist.operations.filters import Filter
from cloudassist.operations.instances_of_runs import Shown, instances_of
from cloudassist.operations.listing import Index, Listing, Position
from cloudassist.operations.not_built import ListNotBuilt
from cloudassist.operations.recurrence import ONCE, PERIOD
from cloudassist.operations.steps import Context, Operation
from cloudassist.rollup import DetailInvokeStatus
from cloudassist.status import InvokeStatus
from cloudassist.store import invocations, schedules
from cloudassist.store.call import Call

STATUSES = (*dict.fromkeys([*map(str, InvokeStatus), *map(str, DetailInvokeStatus)]),)
"""What ``invoke_status`` may be: a status of either vocabulary."""
REPEAT_MODES = (ONCE, PERIOD)
"""What ``repeat_mode`` may be."""


def describe_invocations(
    context: Context,
    *,
    invoke_id: str | None = None,
    command_id: str | None = None,
    command_name: str | None = None,
    command_type: str | None = None,
    instance_id: str | None = None,
    invoke_status: str | None = None,
    repeat_mode: str | None = None,
    timed: bool | None = None,
    include_output: bool = False,
    content_encoding: str = "PlainText",
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
    **refused: Unpack[ListNotBuilt],
) -> Operation[Listing[InvocationSummary]]:
    """Return a page of the runs, the newest first (API a.6).

    Filters are combined; ``invoke_status`` is one of either vocabulary, ``command_name`` may have ``*`` for any text.
    With ``instance_id`` only that instance of each run is shown. ``include_output`` needs it, or ``invoke_id``.
    """
    not_built.refuse("describe_invocations", ListNotBuilt, refused)
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    shown = Shown(
        output=arguments.flag("include_output", include_output),
        encoding=arguments.content_encoding(content_encoding),
        instance_id=instance_id,
    )
    if include_output and invoke_id is None and instance_id is None:
        raise InvalidParameterError("MissingParameter.InvokeId", "include_output needs an invoke_id or an instance_id")
    kind = None if command_type is None else arguments.command_type(command_type).value
    chosen = _Chosen(
        fields=Filter.of({"command_id": command_id, "type": kind}, {"name": command_name}),
        status=one_of("invoke_status", invoke_status, STATUSES),
        repeat_mode=one_of("repeat_mode", repeat_mode, REPEAT_MODES),
        timed=None if timed is None else arguments.flag("timed", timed),
        instance_id=instance_id,
    )
    filters = [invoke_id, command_id, command_name, command_type, instance_id, invoke_status, repeat_mode, timed]
    return (yield from listing.page("invocations", {"by": filters}, wanted, _index(invoke_id, chosen, shown)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """Which runs are wanted; None stands for anything."""

    fields: Filter
    status: str | None
    repeat_mode: str | None
    timed: bool | None
    instance_id: str | None

    @property
    def is_open(self) -> bool:
        """Tell whether every run fits."""
        others = (self.status, self.repeat_mode, self.timed, self.instance_id)
        return self.fields.is_open and others == (None,) * len(others)

    def calls(self, invoke_id: str) -> list[Call[Any]]:
        """Return what has to be read of a run to tell."""
        calls: list[Call[Any]] = [
            invocations.read_fields(invoke_id, "planned", "command_id", "type", "name", *PROGRESS)
        ]
        if self.instance_id is not None:
            calls += (
                invocations.read_record_fields(ids.record_id(invoke_id, self.instance_id), "status"),
                schedules.read_members(invoke_id, [self.instance_id]),
            )
        return calls

    def fits(self, fields: Mapping[str, str], *of_instance: Any) -> bool:
        """Tell whether a run fits; ``of_instance`` is what was read of it on the wanted instance."""
        on_it = not of_instance or bool(of_instance[0]) or of_instance[1] != [None]
        if "planned" not in fields or not on_it or not self.fields.fits(fields):
            return False
        now = Progress.of(fields)
        return (
            self.status in {None, now.status, now.detail_status}
            and self.repeat_mode in {None, PERIOD if now.recurring else ONCE}
            and self.timed in {None, now.recurring and now.status is InvokeStatus.RUNNING}
        )


def _index(invoke_id: str | None, wanted: _Chosen, shown: Shown) -> Index[InvocationSummary]:
    def after(position: Position, size: int) -> Operation[list[tuple[Position, str]]]:
        if invoke_id is not None:
            return [] if position else [(invoke_id, invoke_id)]
        (found,) = yield [invocations.page_newest(int(position) if position else None, size)]
        return [(str(number), name) for name, number in found]

    def fit(names: Sequence[str]) -> Operation[list[bool]]:
        calls = [wanted.calls(name) for name in names]
        answers = iter((yield [call for few in calls for call in few]))
        read = [list(islice(answers, len(few))) for few in calls]
        return [wanted.fits(*found) for found in read]

    def load(names: Sequence[str]) -> Operation[list[InvocationSummary | None]]:
        answers: list[Any] = yield [
            call for name in names for call in (invocations.read(name), schedules.read_next(name))
        ]
        fields, due = answers[::2], answers[1::2]
        rows = yield from instances_of(names, fields, shown)
        return [
            InvocationSummary.of(name, found, few, shown.encoding, following) if "planned" in found else None
            for name, found, few, following in zip(names, fields, rows, due, strict=True)
        ]

    def total() -> Operation[int]:
        (count,) = yield [invocations.total()]
        return int(count)

    return Index(after, load, total, fit if invoke_id is not None or not wanted.is_open else None)


def one_of(field: str, value: object, known: Sequence[str]) -> str | None:
    """Check a filter that is one of some words; None stands for any."""
    if value is None:
        return None
    text = arguments.text(field, value)
    if text not in known:
        raise InvalidParameterError(
            f"InvalidParameter.{arguments.pascal(field)}", f"{field} must be one of {', '.join(known)}; it is {text!r}"
        )
    return text
