"""A record is among the open ones, and among those that the sweeper looks at, exactly as long as it has not ended."""

from collections.abc import Iterator

from cloudassist.audit.finding import Finding, Kind
from cloudassist.audit.scanning import pieces
from cloudassist.status import TERMINAL
from cloudassist.store import books
from cloudassist.store.books import Place
from cloudassist.store.ledger import Ledger


def findings(ledger: Ledger, *, repair: bool) -> Iterator[Finding]:
    """Look at every record, and at every place where one can be; ``repair`` puts each where it belongs."""
    seen: set[str] = set()
    for scan in (books.scan_open, books.scan_due, books.scan_records):
        for record_ids in pieces(ledger, scan):
            found = set(record_ids) - seen
            seen |= found
            yield from _findings(ledger, sorted(found), repair=repair)


def wrong(place: Place) -> str:
    """Return what is wrong with where a record is; empty where nothing is."""
    belongs = place.status not in {"", *TERMINAL}
    places = ("among the open ones", place.is_open), ("looked at by the sweeper", place.is_looked_at)
    told = [f"{'not ' if belongs else ''}{where}" for where, is_there in places if is_there is not belongs]
    return f"it is {place.status or 'gone'}, and {' and '.join(told)}" if told else ""


def _findings(ledger: Ledger, record_ids: list[str], *, repair: bool) -> Iterator[Finding]:
    """Each is looked at, and put right, at one moment: nothing can change in between."""
    places = ledger.run([books.place(record_id, mend=repair) for record_id in record_ids])
    for record_id, place in zip(record_ids, places, strict=True):
        if what := wrong(place):
            yield Finding(Kind.PLACE, record_id, what, repaired=repair)
