"""The bytes that are counted for what is kept are those of the runs that are kept."""

from collections.abc import Iterator

from cloudassist.audit.finding import Finding, Kind
from cloudassist.audit.scanning import pieces
from cloudassist.store import books, invocations, keys
from cloudassist.store.ledger import Ledger

LOOKS = 3
"""Recounts while runs end meanwhile; where none is without, it is left for the next audit."""


def findings(ledger: Ledger, *, repair: bool) -> Iterator[Finding]:
    """Add up the runs made once that have ended, and the runs of recurring tasks; ``repair`` corrects their sums."""
    counters = [books.read_counter(name) for name in (keys.KEPT_BYTES, keys.HISTORY_BYTES)]
    for _ in range(LOOKS):
        before = ledger.run(counters)
        right = _recount(ledger)
        if ledger.run(counters) == before:
            break
    else:
        return
    for name, there, wanted in zip((keys.KEPT_BYTES, keys.HISTORY_BYTES), before, right, strict=True):
        if there != wanted:
            if repair:
                ledger.call(books.add_to_counter(name, wanted - there))
            yield Finding(Kind.COUNTER, name, f"it is {there} and should be {wanted}", repaired=repair)


def _recount(ledger: Ledger) -> tuple[int, int]:
    kept = history = 0
    for invoke_ids in pieces(ledger, books.scan_invocations):
        rows = ledger.run([invocations.read_fields(name, "size", "bytes", "schedule") for name in invoke_ids])
        kept += sum(int(row.get("size", 0)) for row in rows)
        history += sum(int(row.get("bytes", 0)) for row in rows if "schedule" in row)
    return kept, history
