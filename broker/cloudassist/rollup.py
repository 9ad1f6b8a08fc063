"""The batch's status out of its instances' statuses, in both vocabularies of the API; pure.

The older rule is the overview's priority table read as a first match over the *set* of instance statuses. The one set
that the table leaves open, {Failed, Finished, Stopped}, is PartialFailed: elsewhere a Stopped instance never changes
the verdict either (docs/decisions.md, A1). All 31 sets are in tests/data/batch_status.json.

The newer rule (API b.4) tells what waits from what runs, and counts an exit code other than 0 as failed; whichever of
Running, Stopping and Pending comes first wins (docs/decisions.md, A9). All 127 sets are in
tests/data/batch_detail_status.json.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from cloudassist.status import InvocationStatus, InvokeStatus


class DetailInvokeStatus(StrEnum):
    """The status of a whole invocation in the newer vocabulary of the API (b.4); derived, never stored."""

    PENDING = "Pending"
    SCHEDULED = "Scheduled"
    """A recurring task between two of its runs."""
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    SUCCESS = "Success"
    FAILED = "Failed"
    PARTIAL_FAILED = "PartialFailed"


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


def recurring_detail_status(
    counts: Mapping[InvocationStatus, int], *, running: int, nonzero: int
) -> DetailInvokeStatus:
    """Return the newer status of a recurring task of which so many records are ``running`` (API b.6)."""
    if counts[InvocationStatus.RUNNING] > 0:
        return DetailInvokeStatus.RUNNING if running > 0 else DetailInvokeStatus.SCHEDULED
    return batch_detail_status(counts, pending=0, nonzero=nonzero)


def batch_detail_status(counts: Mapping[InvocationStatus, int], *, pending: int, nonzero: int) -> DetailInvokeStatus:
    """Return the newer status of a batch in which so many instances have each status.

    ``pending`` of those that count as Running have not started, ``nonzero`` of the Finished ones ended with an exit
    code other than 0.
    """
    waiting = (
        (counts[InvocationStatus.RUNNING] - pending, DetailInvokeStatus.RUNNING),
        (counts[InvocationStatus.STOPPING], DetailInvokeStatus.STOPPING),
        (pending, DetailInvokeStatus.PENDING),
    )
    for count, status in waiting:
        if count > 0:
            return status
    failed = counts[InvocationStatus.FAILED] + nonzero
    succeeded = counts[InvocationStatus.FINISHED] - nonzero
    if failed > 0 and succeeded > 0:
        return DetailInvokeStatus.PARTIAL_FAILED
    if failed > 0:
        return DetailInvokeStatus.FAILED
    return DetailInvokeStatus.SUCCESS if succeeded > 0 else DetailInvokeStatus.STOPPED
