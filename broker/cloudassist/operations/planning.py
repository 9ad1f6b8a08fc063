"""Planning a run: into the ledger in chunks, then an order to every instance that can take one, unless it recurs."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cloudassist import ids, schema, topology
from cloudassist.errors import ServiceUnavailableError
from cloudassist.operations import recurrence, refusals, sealing, targets, values
from cloudassist.operations.audited import audited
from cloudassist.operations.recurrence import Recurrence
from cloudassist.operations.run_request import RunRequest
from cloudassist.operations.sealing import Sealed
from cloudassist.operations.steps import Context, Operation, Publish, Seal, Sign
from cloudassist.operations.targets import Resolved, chunks
from cloudassist.orders import Order, Payload, Purpose, expiry, payload_hash
from cloudassist.request import Word
from cloudassist.settings import Settings
from cloudassist.store import invocations, schedules
from cloudassist.store.audit import Act
from cloudassist.store.call import Call
from cloudassist.store.invocations import PLAN_CHUNK, Beginning, Lifetimes, NewCommand
from cloudassist.warrant import Warrant, digest

_PAYLOAD_TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Planned:
    """The ids of a run."""

    invoke_id: str
    command_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """One run on its way into the ledger."""

    request: RunRequest
    planned: Planned
    resolved: Resolved
    lifetimes: Lifetimes
    deliver_by: int
    start_by: int
    schema: int
    payload_key: str
    payload: bytes = field(repr=False)
    sealed: Sealed
    recurrence: Recurrence | None


def plan(context: Context, request: RunRequest) -> Operation[Planned]:
    """Plan and publish one run; returns its ids, or those of the earlier run with the same token."""
    ids_given = request.targets.instance_ids or ()
    act = Act(
        caller=context.caller,
        operation=request.operation,
        subject=tuple(filter(None, [request.command_id])),
        instance_ids=ids_given,
    )
    return (yield from audited(act, _plan(context, request)))


def _plan(context: Context, request: RunRequest) -> Operation[Planned]:
    yield Sign()
    resolved = yield from targets.resolve(context, request.targets)
    planned = Planned(ids.new_invoke_id(), request.command_id or ids.new_command_id())
    sealed = yield from sealing.seal_values(planned.invoke_id, request.secret_values, resolved.instance_ids)
    plan = _make(context.settings, request, planned, resolved, sealed)
    (warrant,) = yield Seal(_warrant(plan))
    chunks_of_plan = _schedule_chunks(plan) if plan.recurrence else _plan_chunks(context.settings, plan)
    lifetime = plan.lifetimes.open if plan.recurrence else plan.lifetimes.order
    kept = sealed.calls(planned.invoke_id, lifetime)
    orders = [] if plan.recurrence else _orders(context.settings, plan)
    # The few that will not be sent are signed as well: the others need not wait until it is known which.
    *answers, messages = yield Sign(orders, [*kept, _begin(context, plan, warrant), *chunks_of_plan])
    begun, *outcomes = answers[len(kept) :]
    if begun is not None:
        return Planned(*refusals.settle(begun, request.digest(), request.client_token, context.settings))
    if any(outcome is None or outcome is False for outcome in outcomes):
        raise ServiceUnavailableError("the server lost the plan of this run before it was complete; try again")
    if plan.recurrence:
        yield [invocations.notice(schedules.CHANNEL)]
    else:
        codes = [code for outcome in outcomes for code in outcome]
        yield Publish([message for message, code in zip(messages, codes, strict=True) if not code])
    return plan.planned


def _make(settings: Settings, request: RunRequest, planned: Planned, resolved: Resolved, sealed: Sealed) -> _Plan:
    payload = Payload(
        invoke_id=planned.invoke_id,
        command_id=planned.command_id,
        type=request.definition.type,
        content=request.definition.content,
        timeout=request.timeout,
        parameters=request.clear_values,
        secrets=sealed.text,
        working_dir=request.working_dir,
        username=request.username,
        windows_password_name=request.windows_password_name,
        region=settings.region,
    )
    spoken = _schema(request, resolved)
    within = request.deliver_within or settings.delivery_seconds
    window = max(settings.start_window_seconds, request.deliver_within)
    return _Plan(
        request=request,
        planned=planned,
        resolved=resolved,
        lifetimes=Lifetimes.of(settings, request.timeout, window),
        deliver_by=resolved.now + int(1000 * within),
        start_by=resolved.now + int(1000 * window),
        payload_key=topology.payload_key(secrets.token_urlsafe(_PAYLOAD_TOKEN_BYTES)),
        schema=spoken,
        payload=payload.encode(spoken),
        sealed=sealed,
        recurrence=recurrence.begin(request.frequency, resolved.now, settings) if request.frequency else None,
    )


def _schema(request: RunRequest, resolved: Resolved) -> int:
    """Return the schema in which a run is written: the newest that all its instances read.

    What only the current one can say has to be said in it; the others get no order then.
    """
    if request.secret_values or request.windows_password_name:
        return schema.CURRENT
    spoken = (each.schema for each in resolved.enrolments if each.schema >= schema.OLDEST)
    return min(spoken, default=schema.CURRENT)


def _warrant(plan: _Plan) -> Warrant:
    """Return what dispatch is to be allowed to sign of this run."""
    recurrence = plan.recurrence
    return Warrant(
        invoke_id=plan.planned.invoke_id,
        payload_hash=payload_hash(plan.payload),
        targets=digest(plan.resolved.instance_ids),
        start_by=0 if recurrence else plan.start_by,
        frequency=recurrence.frequency if recurrence else "",
        time_zone=recurrence.zone if recurrence else "",
        creation_time=plan.resolved.now,
        grace_ms=recurrence.grace_ms if recurrence else 0,
    )


def _begin(context: Context, plan: _Plan, warrant: str) -> Call[Any]:
    request, planned = plan.request, plan.planned
    new = None
    if not request.command_id:
        new = NewCommand(fields=request.definition.fields(caller=context.caller), kept=request.keep_command)
    beginning = Beginning(
        invoke_id=planned.invoke_id,
        command_id=planned.command_id,
        token=request.client_token,
        digest=request.digest(),
        payload_key=plan.payload_key,
        payload=plan.payload,
        fields={**_fields(context, plan), "warrant": warrant},
        command=new,
        day=datetime.fromtimestamp(plan.resolved.now / 1000, UTC).date().isoformat(),
        act=Act(
            caller=context.caller,
            operation=request.operation,
            subject=(planned.command_id, planned.invoke_id),
            instance_ids=plan.resolved.instance_ids,
        ),
        records=0 if plan.recurrence else len(plan.resolved.instance_ids),
        recurs=plan.recurrence is not None,
    )
    return invocations.begin(beginning, context.settings, plan.lifetimes)


def _fields(context: Context, plan: _Plan) -> dict[str, Word]:
    """Return what is written of the invocation. It has a copy of its command, which may change, or be deleted."""
    request, now = plan.request, plan.resolved.now
    definition = request.definition
    recurring = plan.recurrence.fields() if plan.recurrence else {}
    return {
        "command_id": plan.planned.command_id,
        "name": definition.name,
        "description": definition.description,
        "type": definition.type.value,
        "content": definition.content,
        "timeout": request.timeout,
        "working_dir": request.working_dir,
        "username": request.username,
        "parameters": values.compact(values.masked(request.parameters, request.secret_names)),
        "secret_names": json.dumps(sorted(request.secret_names)),
        "secrets": plan.sealed.text,
        "windows_password_name": request.windows_password_name,
        "enable_parameter": int(request.parameters is not None),
        "caller": context.caller,
        "schema": plan.schema,
        "creation_time": now,
        "deliver_by": plan.deliver_by,
        "start_by": plan.start_by,
        "ends_by": now + plan.lifetimes.work,
        "payload": plan.payload_key,
        "hash": payload_hash(plan.payload),
        **recurring,
    }


def _plan_chunks(settings: Settings, plan: _Plan) -> list[Call[Any]]:
    parts = chunks(plan.resolved.instance_ids, PLAN_CHUNK)
    return [
        invocations.plan(
            plan.planned.invoke_id,
            plan.planned.command_id,
            chunk,
            last=index == len(parts) - 1,
            lifetimes=plan.lifetimes,
            check_ms=int(1000 * settings.redelivery_seconds),
            open_limit=settings.running_per_instance + settings.waiting_per_instance,
            schema=plan.schema,
            awaits=bool(plan.request.deliver_within),
        )
        for index, chunk in enumerate(parts)
    ]


def _schedule_chunks(plan: _Plan) -> list[Call[Any]]:
    assert plan.recurrence is not None
    parts = chunks(plan.resolved.instance_ids, schedules.ADD_CHUNK)
    return [
        schedules.add(
            plan.planned.invoke_id,
            plan.planned.command_id,
            chunk,
            last=index == len(parts) - 1,
            lifetimes=plan.lifetimes,
            due=plan.recurrence.due,
        )
        for index, chunk in enumerate(parts)
    ]


def _orders(settings: Settings, plan: _Plan) -> list[Order]:
    run_seconds = plan.request.timeout + settings.kill_grace_seconds
    expires = expiry(plan.start_by, plan.resolved.now, run_seconds)
    digest = payload_hash(plan.payload)
    return [
        Order(
            Purpose.RUN,
            ids.record_id(plan.planned.invoke_id, instance_id),
            enrolment.epoch,
            expires=expires,
            start_by=plan.start_by,
            payload_key=plan.payload_key,
            payload_hash=digest,
            sealed=plan.sealed.keys.get(instance_id, ""),
            schema=plan.schema,
        )
        for instance_id, enrolment in zip(plan.resolved.instance_ids, plan.resolved.enrolments, strict=True)
    ]
