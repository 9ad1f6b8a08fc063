"""DescribeInvocations: the runs, each with how it and its instances stand (API a.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Unpack

from cloudassist import ids, limits
from cloudassist.content_encoding import ContentEncoding
from cloudassist.errors import InvalidParameterError
from cloudassist.models.invocation import COUNTERS, InvocationSummary, Progress
from cloudassist.models.record import InvocationResult
from cloudassist.operations import arguments, listing, not_built
from cloudassist.operations.filters import Filter
from cloudassist.operations.listing import Index, Listing, Position
from cloudassist.operations.not_built import ListNotBuilt
from cloudassist.operations.steps import Context, Operation
from cloudassist.rollup import DetailInvokeStatus
from cloudassist.status import InvokeStatus
from cloudassist.store import invocations
from cloudassist.store.call import Call

STATUSES = (*dict.fromkeys([*map(str, InvokeStatus), *map(str, DetailInvokeStatus)]),)
"""What ``invoke_status`` may be: a status of either vocabulary."""
REPEAT_MODES = ("Once", "Period")
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
    shown = _Shown(
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
class _Shown:
    """What is shown of each run; ``instance_id`` None: all its instances."""

    output: bool
    encoding: ContentEncoding
    instance_id: str | None


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

    def calls(self, invoke_id: str) -> list[Call[dict[str, str]]]:
        """Return what has to be read of a run to tell."""
        calls = [invocations.read_fields(invoke_id, "planned", "command_id", "type", "name", *COUNTERS)]
        if self.instance_id is not None:
            calls.append(invocations.read_record_fields(ids.record_id(invoke_id, self.instance_id), "status"))
        return calls

    def fits(self, fields: Mapping[str, str], record: Mapping[str, str] | None) -> bool:
        """Tell whether a run fits; ``record`` is that of the wanted instance."""
        if "planned" not in fields or (record is not None and not record) or not self.fields.fits(fields):
            return False
        now = Progress.of(fields)
        return (
            self.status in {None, now.status, now.detail_status}
            and self.repeat_mode in {None, "Once"}
            and self.timed in {None, False}
        )


def _index(invoke_id: str | None, wanted: _Chosen, shown: _Shown) -> Index[InvocationSummary]:
    def after(position: Position, size: int) -> Operation[list[tuple[Position, str]]]:
        if invoke_id is not None:
            return [] if position else [(invoke_id, invoke_id)]
        (found,) = yield [invocations.page_newest(int(position) if position else None, size)]
        return [(str(number), name) for name, number in found]

    def fit(names: Sequence[str]) -> Operation[list[bool]]:
        calls = [wanted.calls(name) for name in names]
        answers = iter((yield [call for few in calls for call in few]))
        read = [list(islice(answers, len(few))) for few in calls]
        return [wanted.fits(found[0], found[1] if len(found) > 1 else None) for found in read]

    def load(names: Sequence[str]) -> Operation[list[InvocationSummary | None]]:
        fields = yield [invocations.read(name) for name in names]
        rows = yield from _instances(names, fields, shown)
        return [
            InvocationSummary.of(name, found, few, shown.encoding) if "planned" in found else None
            for name, found, few in zip(names, fields, rows, strict=True)
        ]

    def total() -> Operation[int]:
        (count,) = yield [invocations.total()]
        return int(count)

    return Index(after, load, total, fit if invoke_id is not None or not wanted.is_open else None)


def _instances(
    names: Sequence[str], fields: Sequence[Mapping[str, str]], shown: _Shown
) -> Operation[list[list[InvocationResult]]]:
    """Read the records that are shown of each run: the first hundred, or that of one instance."""
    if shown.instance_id is None:
        targets = yield [invocations.page_targets(name, 0, limits.INSTANCES_SHOWN) for name in names]
    else:
        targets = [[shown.instance_id]] * len(names)
    record_ids = [
        [ids.record_id(name, instance_id) for instance_id in few] for name, few in zip(names, targets, strict=True)
    ]
    flat = [record_id for few in record_ids for record_id in few]
    outputs: list[Any] = [b""] * len(flat)
    records = yield [invocations.read_record(record_id) for record_id in flat]
    if shown.output:
        outputs = yield [invocations.read_output(record_id) for record_id in flat]
    read = iter(zip(flat, records, outputs, strict=True))
    return [
        [
            InvocationResult.of(record_id, found, record, output, shown.encoding)
            for record_id, record, output in islice(read, len(few))
            if record
        ]
        for few, found in zip(record_ids, fields, strict=True)
    ]


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
