"""The numbers of a region that lie in the ledger, and what its server says of itself: read in four round trips."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import topology
from cloudassist.status import InvocationStatus
from cloudassist.store import health, instances, reports, schedules, sweeps
from cloudassist.store.ledger import Ledger

OVERDUE_MS: Final = 60_000
"""Milliseconds after which a record that the sweeper should have looked at counts as overdue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionNumbers:
    """What was read at one moment; ``info`` is the server's own."""

    reports_waiting: int
    reports_taken: int
    aggregators: int
    instances_registered: int
    records_open: Mapping[InvocationStatus, int]
    records_ended: Mapping[tuple[str, str], int]
    records_overdue: int
    schedules: int
    schedule_late_seconds: float
    schedule_moments_unplanned: int
    dispatch_waiting: int
    rejected: Mapping[str, int]
    info: Mapping[str, Any]


def read(ledger: Ledger) -> RegionNumbers:
    """Read them; raises ServiceUnavailableError."""
    now, takers, registered, rejected = ledger.run(
        [instances.server_time(), reports.takers(), instances.total(), reports.rejected()]
    )
    waiting, *taken = ledger.run(reports.backlog(takers))
    unfinished, stopping, ended, overdue = ledger.run(
        [
            sweeps.count_open(),
            sweeps.count_stopping(),
            sweeps.count_ended(),
            sweeps.count_due_before(now - OVERDUE_MS),
        ]
    )
    recurring, first, unplanned, orders, info = ledger.run(
        [
            schedules.count(),
            schedules.first_moment(),
            schedules.count_claimed(),
            sweeps.queue_length(topology.DISPATCH_QUEUE),
            health.info(),
        ]
    )
    return RegionNumbers(
        reports_waiting=waiting,
        reports_taken=sum(taken),
        aggregators=len(takers),
        instances_registered=registered,
        records_open={
            InvocationStatus.RUNNING: max(0, unfinished - stopping),
            InvocationStatus.STOPPING: stopping,
        },
        records_ended=ended,
        records_overdue=overdue,
        schedules=recurring,
        schedule_late_seconds=0 if first is None else max(0, now - first) / 1000,
        schedule_moments_unplanned=unplanned,
        dispatch_waiting=orders,
        rejected=rejected,
        info=info,
    )
