"""StopInvocation: what has not started is Stopped at once, what runs is told to stop (API a.4; decision A3)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from cloudassist import ids
from cloudassist.errors import NotFoundError
from cloudassist.operations import arguments
from cloudassist.operations.audited import audited
from cloudassist.operations.progress import known_invocation
from cloudassist.operations.steps import Context, Operation, Publish, Sign
from cloudassist.operations.targets import chunks
from cloudassist.orders import Order, Purpose, expiry
from cloudassist.status import InvocationStatus
from cloudassist.store import audit, instances, invocations, schedules
from cloudassist.store.audit import Act
from cloudassist.store.call import Call
from cloudassist.store.invocations import READ_CHUNK, STOP_CHUNK, Lifetimes, schema_of

INSTANCES: Final = 50
"""Instances that one stop may name (API a.4)."""


def stop_invocation(context: Context, invoke_id: str, instance_ids: Sequence[str] | None = None) -> Operation[None]:
    """Stop a run on all instances, or on some (at most 50); what has ended stays as it is (API a.4).

    Raises NotFoundError (InvalidInvokeId.NotFound, InvalidInstanceId.NotFound), InvalidParameterError and its kinds,
    ConfigurationError, ServiceUnavailableError.
    """
    some = None if instance_ids is None else arguments.instance_ids(instance_ids, INSTANCES)
    arguments.identifier("invoke_id", invoke_id, "InvalidInvokeId.NotFound")
    act = Act(caller=context.caller, operation="StopInvocation", subject=(invoke_id,), instance_ids=some or ())
    yield from audited(act, _stop(context, invoke_id, some, act))


def _stop(context: Context, invoke_id: str, some: Sequence[str] | None, act: Act) -> Operation[None]:
    yield Sign()
    invocation = yield from known_invocation(invoke_id)
    recurring = "frequency" in invocation
    if some is None:
        instance_ids = yield from _all_targets(invoke_id)
    else:
        instance_ids = some
        yield from _check_targets(invoke_id, some, recurring=recurring)
    written = [audit.append(replace(act, instance_ids=instance_ids))]
    if recurring:
        yield written
    for chunk in chunks(instance_ids, STOP_CHUNK):
        if recurring:
            yield from _stop_recurring(context, invoke_id, chunk, invocation, all_=some is None)
        else:
            yield from _stop_chunk(context, [ids.record_id(invoke_id, name) for name in chunk], invocation, written)
            written = []
    # Beats are told of what was theirs only.
    told = [invoke_id, schedules.CHANNEL] if recurring else [invoke_id]
    yield [invocations.notice(name) for name in told]


def _all_targets(invoke_id: str) -> Operation[Sequence[str]]:
    found: list[str] = []
    while len(found) % READ_CHUNK == 0:
        (page,) = yield [invocations.page_targets(invoke_id, len(found), READ_CHUNK)]
        if not page:
            break
        found += page
    return found


def _check_targets(invoke_id: str, instance_ids: Sequence[str], *, recurring: bool) -> Operation[None]:
    """Raise NotFoundError for an instance that the run is not on, before anything is stopped."""
    if recurring:
        (records,) = yield [schedules.read_members(invoke_id, instance_ids)]
    else:
        records = yield [
            invocations.read_record_fields(ids.record_id(invoke_id, name), "status") for name in instance_ids
        ]
    strangers = [instance_id for instance_id, record in zip(instance_ids, records, strict=True) if not record]
    if strangers:
        raise NotFoundError("InvalidInstanceId.NotFound", f"{invoke_id} does not run on {', '.join(strangers)}")


def _stop_recurring(
    context: Context, invoke_id: str, chunk: Sequence[str], invocation: dict[str, str], *, all_: bool
) -> Operation[None]:
    """Let nothing more start on these instances, then stop what runs there."""
    lifetimes = Lifetimes.of_run(context.settings, invocation)
    yield [schedules.stop(invoke_id, chunk, lifetimes, all_=all_)]
    found = yield [instances.open_records(instance_id) for instance_id in chunk]
    by_run: dict[str, list[str]] = {}
    for record_id in (record_id for records in found for record_id in records):
        run, _ = ids.split_record_id(record_id)
        if ids.task_of(run) == invoke_id:
            by_run.setdefault(run, []).append(record_id)
    runs = list(by_run)
    for run, fields in zip(runs, (yield [invocations.read(run) for run in runs]), strict=True):
        yield from _stop_chunk(context, by_run[run], fields)


def _stop_chunk(
    context: Context, record_ids: Sequence[str], invocation: dict[str, str], before: Sequence[Call[Any]] = ()
) -> Operation[None]:
    """Stop records of one run, which has these fields; ``before`` goes in the same round trip."""
    settings, timeout = context.settings, int(invocation["timeout"])
    (invoke_id, _), *_ = split = [ids.split_record_id(record_id) for record_id in record_ids]
    answers: list[Any] = yield [
        *before,
        invocations.stop(
            invoke_id,
            record_ids,
            lifetimes=Lifetimes.of_run(settings, invocation),
            check_ms=int(1000 * settings.redelivery_seconds),
            caller=context.caller,
        ),
        instances.read_enrolments([instance_id for _, instance_id in split]),
    ]
    statuses, (now, enrolments) = answers[len(before) :]
    expires = expiry(int(invocation["start_by"]), now, timeout + settings.kill_grace_seconds)
    orders = [
        Order(Purpose.STOP, record_id, enrolment.epoch, expires, schema=schema_of(invocation))
        for record_id, status, enrolment in zip(record_ids, statuses, enrolments, strict=True)
        if status == InvocationStatus.STOPPING and enrolment is not None
    ]
    (messages,) = yield Sign(orders)
    yield Publish(messages)
