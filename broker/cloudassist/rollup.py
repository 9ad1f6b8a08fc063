"""The batch's status out of its instances' statuses; pure.

The rule is the overview's priority table read as a first match over the *set* of instance statuses. The one set that
the table leaves open, {Failed, Finished, Stopped}, is PartialFailed: elsewhere a Stopped instance never changes the
verdict either (docs/decisions.md, A1). All 31 sets are in tests/data/batch_status.json.
"""

from collections.abc import Collection, Mapping

from cloudassist.status import InvocationStatus, InvokeStatus


def batch_status(statuses: Collection[InvocationStatus]) -> InvokeStatus:
    """Return the status of a batch whose instances have these statuses.

    Raises ValueError when there is none: a batch has at least one instance.
    """
    if not statuses:
        raise ValueError("a batch has at least one instance")
    present = frozenset(statuses)
    for status in (InvocationStatus.RUNNING, InvocationStatus.STOPPING):
        if status in present:
            return InvokeStatus(status.value)
    failed, finished = InvocationStatus.FAILED in present, InvocationStatus.FINISHED in present
    if failed and finished:
        return InvokeStatus.PARTIAL_FAILED
    if failed:
        return InvokeStatus.FAILED
    return InvokeStatus.FINISHED if finished else InvokeStatus.STOPPED


def batch_status_of_counts(counts: Mapping[InvocationStatus, int]) -> InvokeStatus:
    """Return the status of a batch in which so many instances have each status; zeros count as absent."""
    return batch_status([status for status, count in counts.items() if count > 0])
