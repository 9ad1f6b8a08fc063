"""StopInvocation: what has not started is Stopped at once, what runs is told to stop (API a.4; decision A3)."""

from collections.abc import Sequence
from typing import Any, Final

from cloudassist import ids
from cloudassist.errors import NotFoundError
from cloudassist.operations import arguments
from cloudassist.operations.describe import known_invocation
from cloudassist.operations.steps import Operation, Publish
from cloudassist.orders import Order, Purpose, expiry
from cloudassist.settings import Settings
from cloudassist.status import InvocationStatus
from cloudassist.store import instances, invocations, keys
from cloudassist.store.invocations import STOP_CHUNK, Lifetimes
from cloudassist.store.ledger import publish

INSTANCES: Final = 50
"""Instances that one stop may name (API a.4)."""


def check(instance_ids: Sequence[str] | None) -> list[str] | None:
    """Check the instances to stop; None means all."""
    return None if instance_ids is None else arguments.instance_ids(instance_ids, INSTANCES)


def stop_invocation(invoke_id: str, instance_ids: Sequence[str] | None, settings: Settings) -> Operation[None]:
    """Stop an invocation on some instances or on all. What has ended already is left alone, without an error."""
    invocation = yield from known_invocation(invoke_id)
    lifetimes = Lifetimes.of(settings, int(invocation["timeout"]))
    start = 0
    while True:
        if instance_ids is None:
            (chunk,) = yield [invocations.page_targets(invoke_id, start, STOP_CHUNK)]
        else:
            chunk = instance_ids[start : start + STOP_CHUNK]
        if not chunk:
            break
        yield from _stop_chunk(invoke_id, chunk, invocation, lifetimes, settings)
        start += STOP_CHUNK
    yield [publish(keys.changes(invoke_id))]


def _stop_chunk(
    invoke_id: str, chunk: Sequence[str], invocation: dict[str, str], lifetimes: Lifetimes, settings: Settings
) -> Operation[None]:
    record_ids = [ids.record_id(invoke_id, instance_id) for instance_id in chunk]
    check_ms = int(1000 * settings.redelivery_seconds)
    answers: list[Any] = yield [
        invocations.stop(invoke_id, record_ids, lifetimes=lifetimes, check_ms=check_ms),
        instances.read_epochs(chunk),
    ]
    statuses, (now, epochs) = answers
    for instance_id, status in zip(chunk, statuses, strict=True):
        if status is None:
            raise NotFoundError("InvalidInstanceId.NotFound", f"{invoke_id} does not run on {instance_id}")
    run_seconds = int(invocation["timeout"]) + settings.kill_grace_seconds
    yield Publish(
        [
            Order(Purpose.STOP, record_id, epoch, expiry(int(invocation["start_by"]), now, run_seconds))
            for record_id, status, epoch in zip(record_ids, statuses, epochs, strict=True)
            if status == InvocationStatus.STOPPING and epoch is not None
        ]
    )
