"""Reading: how an invocation stands, its results, and the instances (API a.6, a.7, a.17)."""

from collections.abc import Sequence
from typing import Any, Final

from cloudassist import ids, limits
from cloudassist.errors import InvalidParameterError, LimitExceededError, NotFoundError
from cloudassist.models.instance import Instance
from cloudassist.models.invocation import Progress, counter
from cloudassist.models.record import InvocationResult
from cloudassist.operations.steps import Operation
from cloudassist.status import InvocationStatus
from cloudassist.store import instances, invocations

_COUNTERS: Final = tuple(counter(status) for status in InvocationStatus)


def known_invocation(invoke_id: str) -> Operation[dict[str, str]]:
    """Return the fields of an invocation that is planned; raises NotFoundError."""
    if not isinstance(invoke_id, str):
        raise InvalidParameterError("InvalidInvokeId.NotFound", f"invoke_id must be text; it is {invoke_id!r}")
    (fields,) = yield [invocations.read(invoke_id)]
    if "planned" not in fields:
        raise not_found(invoke_id)
    return dict(fields)


def progress(invoke_id: str) -> Operation[Progress]:
    """Return how an invocation stands; raises NotFoundError."""
    (fields,) = yield [invocations.read_fields(invoke_id, "planned", *_COUNTERS)]
    if "planned" not in fields:
        raise not_found(invoke_id)
    return Progress.of(fields)


def results(invoke_id: str, start: int, size: int) -> Operation[tuple[list[InvocationResult], int]]:
    """Return so many results from an index on, in the order in which the instances were named, and the total."""
    invocation = yield from known_invocation(invoke_id)
    (targets,) = yield [invocations.page_targets(invoke_id, start, size)]
    record_ids = [ids.record_id(invoke_id, instance_id) for instance_id in targets]
    answers: list[Any] = yield [
        call
        for record_id in record_ids
        for call in (invocations.read_record(record_id), invocations.read_output(record_id))
    ]
    rows = [
        InvocationResult.of(record_id, invocation, record, output)
        for record_id, record, output in zip(record_ids, answers[::2], answers[1::2], strict=True)
        if record
    ]
    return rows, Progress.of(invocation).total


def registered(after: str, size: int) -> Operation[tuple[list[Instance], int]]:
    """Return so many instances behind an id, in lexical order, and how many there are in all."""
    names, total = yield [instances.page(after, size), instances.total()]
    rows = yield from _instances(names)
    return rows, total


def named(instance_ids: Sequence[str]) -> Operation[tuple[list[Instance], int]]:
    """Return the instances of these ids, in this order; those that are not registered are left out."""
    rows = yield from _instances(instance_ids)
    return rows, len(rows)


def page_size(value: object) -> int:
    """Check ``max_results``."""
    if type(value) is not int or value < 1:
        raise InvalidParameterError(
            "InvalidParameter.MaxResults", f"max_results must be a whole number from 1; it is {value!r}"
        )
    if value > limits.PAGE_SIZE_MAXIMUM:
        raise LimitExceededError(
            "InvalidParameter.MaxResults",
            f"max_results is {value}; the limit is {limits.PAGE_SIZE_MAXIMUM}",
            status=400,
        )
    return value


def page_start(next_token: str) -> int:
    """Return the index at which the page of a token begins; the first page has the empty token."""
    if not next_token:
        return 0
    if not isinstance(next_token, str) or not next_token.isdecimal():
        raise InvalidParameterError("InvalidParameter.NextToken", f"next_token {next_token!r:.100} is not one of ours")
    return int(next_token)


def not_found(invoke_id: str) -> NotFoundError:
    """Return the error for an invocation that is not there."""
    return NotFoundError("InvalidInvokeId.NotFound", f"there is no invocation {invoke_id!r}")


def _instances(instance_ids: Sequence[str]) -> Operation[list[Instance]]:
    answers: list[Any] = yield [
        call
        for instance_id in instance_ids
        for call in (instances.read(instance_id), instances.read_presence(instance_id))
    ]
    return [
        Instance.of(instance_id, fields, online=presence is not None)
        for instance_id, fields, presence in zip(instance_ids, answers[::2], answers[1::2], strict=True)
        if fields
    ]
