"""Calls that let old invocations go."""

from collections.abc import Sequence

from cloudassist import ids
from cloudassist.store import keys
from cloudassist.store.call import Call, as_nothing, as_texts, command
from cloudassist.store.library import function_call


def list_retired(retention_ms: int, kept: int, kept_bytes: int, most: int) -> Call[list[str]]:
    """Return finished invocations that are too old, too many, or too large together; ``most`` of them, the oldest."""
    return function_call(
        "list_retired", [keys.FINISHED, keys.KEPT_BYTES], [retention_ms, kept, most, kept_bytes], as_texts
    )


def take_retired(most: int) -> Call[list[str]]:
    """Take runs of recurring tasks that are not kept; one that gets lost on the way has a lifetime of its own."""
    return command(lambda answer: as_texts(answer or []), "LPOP", keys.RETIRED, most)


def forget_run(run: str) -> Call[int]:
    """Remove a run of a recurring task whose records are gone; return how many bytes of output it had."""
    names = [keys.invocation(run), keys.history(ids.task_of(run)), keys.HISTORY_BYTES]
    return function_call("forget_run", names, [ids.moment_of(run)], int)


def retire_runs(invoke_id: str, retention_ms: int, most_bytes: int) -> Call[int]:
    """Give up runs of a recurring task that are too old, or some where all take too much room; return how many."""
    names = [keys.history(invoke_id), keys.RETIRED, keys.HISTORY_BYTES]
    return function_call("retire_runs", names, [invoke_id, retention_ms, most_bytes], int)


def page_schedules(start: int, size: int) -> Call[list[str]]:
    """Return so many of the recurring tasks that go on."""
    return command(as_texts, "ZRANGE", keys.SCHEDULES, start, start + size - 1)


def forget_records(invoke_id: str, instance_ids: Sequence[str]) -> Call[None]:
    """Remove the records of these instances and their output."""
    names = [ids.record_id(invoke_id, instance_id) for instance_id in instance_ids]
    return command(as_nothing, "UNLINK", *map(keys.record, names), *map(keys.output, names))


def forget_invocation(invoke_id: str) -> Call[int]:
    """Remove an invocation whose records are gone; return how many bytes were counted for it."""
    names = [
        keys.invocation(invoke_id),
        keys.targets(invoke_id),
        keys.fleet(invoke_id),
        keys.sealed(invoke_id),
        keys.INVOCATIONS,
        keys.FINISHED,
        keys.KEPT_BYTES,
    ]
    return function_call("forget_invocation", names, [invoke_id], int)
