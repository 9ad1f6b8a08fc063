"""The order of a record lies in the queue of its instance, and once: where it lies twice, one of them came too much."""

import json
from collections import defaultdict
from collections.abc import Iterator

from cloudassist import ids, topology
from cloudassist.audit.finding import Finding, Kind
from cloudassist.audit.scanning import pieces
from cloudassist.errors import MessageError
from cloudassist.store import books
from cloudassist.store.ledger import Ledger


def findings(ledger: Ledger, *, repair: bool) -> Iterator[Finding]:
    """Look through every queue of an instance; ``repair`` takes out what is there too often, or not for it."""
    for instance_ids in pieces(ledger, books.scan_queues):
        for instance_id in instance_ids:
            yield from _findings(ledger, instance_id, repair=repair)


def _findings(ledger: Ledger, instance_id: str, *, repair: bool) -> Iterator[Finding]:
    queue = topology.instance_queue(instance_id)
    for record_id, texts in _orders(ledger, queue).items():
        ours = ids.split_record_id(record_id)[1] == instance_id
        # Counted once more, alone: what is pushed meanwhile moves the others along, so that some are read twice.
        counts = ledger.run([books.count_in_queue(queue, text) for text in texts])
        if sum(counts) > ours:
            what = f"its order lies {sum(counts)} times in {queue}" if ours else f"its order lies in {queue}"
            if repair:
                # The oldest, which its instance takes next, stays.
                counts[-1] -= ours
                takes = zip(texts, counts, strict=True)
                ledger.run([books.take_out(queue, text, copies) for text, copies in takes if copies])
            yield Finding(Kind.PLACE, record_id, what, repaired=repair)


def _orders(ledger: Ledger, queue: str) -> dict[str, list[bytes]]:
    """Return the different texts of the orders in a queue, by record, the oldest last.

    What is no order is its agent's business.
    """
    found: dict[str, list[bytes]] = defaultdict(list)
    start = 0
    while texts := ledger.call(books.page_queue(queue, start)):
        start += len(texts)
        for text in texts:
            if record_id := _record_of(text):
                known = found[record_id]
                if text in known:
                    known.remove(text)
                known.append(text)
    return found


def _record_of(text: bytes) -> str:
    """Return the record that a message names, empty where it names none."""
    try:
        record_id: str = json.loads(text)["headers"]["id"]
        ids.split_record_id(record_id)
    except (ValueError, KeyError, TypeError, AttributeError, MessageError):
        return ""
    return record_id
