"""The counters of every invocation are what a recount gives: of its records, or of a recurring task's instances."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cloudassist import ids
from cloudassist.audit.finding import Finding, Kind
from cloudassist.audit.scanning import pieces
from cloudassist.status import InvocationStatus
from cloudassist.store import books, invocations, schedules
from cloudassist.store.invocations import READ_CHUNK
from cloudassist.store.ledger import Ledger
from cloudassist.store.schedules import Member

LOOKS: Final = 5
"""Recounts of an invocation that changes meanwhile; one that is never still is left for the next audit."""

_STATUSES: Final = tuple(f"n.{status}" for status in InvocationStatus)
_OF_RUN: Final = (*_STATUSES, "n.pending", "n.nonzero")
_OF_TASK: Final = (*_STATUSES, "n.open")


def findings(ledger: Ledger, retention_ms: int, *, repair: bool) -> Iterator[Finding]:
    """Recount every invocation that is planned; ``repair`` writes down what was counted."""
    for invoke_ids in pieces(ledger, books.scan_invocations):
        for invoke_id in invoke_ids:
            yield from _findings(ledger, invoke_id, retention_ms, repair=repair)


def recount(records: Iterable[Mapping[str, str]]) -> Counter[str]:
    """Return the counters of a run with these records."""
    counts: Counter[str] = Counter()
    for record in records:
        status = record["status"]
        counts[f"n.{status}"] += 1
        counts["n.pending"] += status == InvocationStatus.RUNNING and "start_time" not in record
        counts["n.nonzero"] += status == InvocationStatus.FINISHED and record.get("exit_code") != "0"
    return counts


def recount_task(members: Iterable[Member]) -> Counter[str]:
    """Return the counters of a recurring task that stands so on its instances."""
    counts: Counter[str] = Counter()
    for member in members:
        counts[f"n.{member.status}"] += 1
        counts["n.open"] += member.open
    return counts


def _findings(ledger: Ledger, invoke_id: str, retention_ms: int, *, repair: bool) -> Iterator[Finding]:
    for _ in range(LOOKS):
        before = ledger.call(invocations.read(invoke_id))
        if "planned" not in before:
            return
        names, counted = _count(ledger, invoke_id)
        if ledger.call(invocations.read(invoke_id)) == before:
            break
    else:
        return
    seen = {name: int(before.get(name, 0)) for name in names}
    wrong = [(name, seen[name], counted[name]) for name in names if seen[name] != counted[name]]
    if wrong:
        what = ", ".join(f"{name} is {there} and should be {right}" for name, there, right in wrong)
        repaired = repair and ledger.call(books.mend_counts(invoke_id, wrong, retention_ms))
        yield Finding(Kind.COUNTER, invoke_id, what, repaired=repaired)


def _count(ledger: Ledger, invoke_id: str) -> tuple[tuple[str, ...], Counter[str]]:
    """Return which counters an invocation has, and what they should be."""
    members: list[Member] = []
    records: list[Mapping[str, str]] = []
    start = 0
    while names := ledger.call(invocations.page_targets(ids.task_of(invoke_id), start, READ_CHUNK)):
        start += len(names)
        found = ledger.call(schedules.read_members(invoke_id, names))
        members += [member for member in found if member is not None]
        wanted = [ids.record_id(invoke_id, name) for name in names]
        fields = "status", "start_time", "exit_code"
        records += ledger.run([invocations.read_record_fields(record_id, *fields) for record_id in wanted])
    if members:
        return _OF_TASK, recount_task(members)
    return _OF_RUN, recount(record for record in records if record)
