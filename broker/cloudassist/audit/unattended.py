"""What is due is seen to: by the sweeper, by dispatch, by an aggregator that lives."""

from collections.abc import Iterator
from typing import Final

from cloudassist.audit.finding import Finding, Kind
from cloudassist.audit.scanning import pieces
from cloudassist.store import books, instances, keys, reports, sweeps
from cloudassist.store.ledger import Ledger

LATE_MS: Final = 60_000
"""Milliseconds after which what is due counts as seen to by nobody: many times what a control worker takes."""


def findings(ledger: Ledger) -> Iterator[Finding]:
    """Look at what waits. Nothing here is put right: a control worker, or dispatch, has to run."""
    late = ledger.call(instances.server_time()) - LATE_MS
    overdue, unplanned = ledger.run([sweeps.count_due_before(late), books.count_claimed_before(late)])
    if overdue:
        yield _unattended(keys.DUE, f"{overdue} records wait for a look of the sweeper: does a control worker run?")
    if unplanned:
        yield _unattended(keys.CLAIMED, f"{unplanned} moments wait to be planned: does dispatch run?")
    yield from _taken(ledger, late)


def _taken(ledger: Ledger, late: int) -> Iterator[Finding]:
    for takers in pieces(ledger, books.scan_takers):
        for taker in takers:
            seen = ledger.call(books.last_seen(taker))
            _, count = ledger.run(reports.backlog([taker]))
            if count and (seen is None or seen < late):
                yield _unattended(keys.taken(taker), f"{count} reports were taken by an aggregator that is gone")


def _unattended(where: str, what: str) -> Finding:
    return Finding(Kind.UNATTENDED, where, what)
