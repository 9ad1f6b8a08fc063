"""What becomes of the runs of an instance that was let go: nobody will ever say how they went on."""

from cloudassist import ids
from cloudassist.error_code import ErrorCode
from cloudassist.operations.steps import Context, Operation
from cloudassist.status import InvocationStatus
from cloudassist.store import instances, invocations, retention, schedules, sweeps
from cloudassist.store.invocations import READ_CHUNK, Lifetimes


def end_runs(context: Context, instance_id: str) -> Operation[None]:
    """Stop the recurring tasks on the instance, so that none goes on where its id comes back; fail its open records."""
    tasks = yield from _tasks(instance_id)
    runs = yield [invocations.read(task) for task in tasks]
    yield [
        schedules.stop(task, [instance_id], Lifetimes.of_run(context.settings, fields), all_=False)
        for task, fields in zip(tasks, runs, strict=True)
        if fields
    ]
    retention_ms = int(1000 * context.settings.retention_seconds)
    (record_ids,) = yield [instances.open_records(instance_id)]
    yield [sweeps.fail(record_id, ErrorCode.INSTANCE_DEREGISTERED, retention_ms) for record_id in record_ids]
    touched = {ids.split_record_id(record_id)[0] for record_id in record_ids}.union(tasks)
    yield [invocations.notice(name) for name in [*sorted(touched), *([schedules.CHANNEL] if tasks else [])]]


def _tasks(instance_id: str) -> Operation[list[str]]:
    """Return the recurring tasks that go on there."""
    found: list[str] = []
    start = 0
    while True:
        (names,) = yield [retention.page_schedules(start, READ_CHUNK)]
        members = yield [schedules.read_members(name, [instance_id]) for name in names]
        found += (
            name
            for name, (member,) in zip(names, members, strict=True)
            if member is not None and member.status is InvocationStatus.RUNNING
        )
        if len(names) < READ_CHUNK:
            return found
        start += len(names)
