"""Going through all of something that the server gives in pieces."""

from collections.abc import Callable, Iterator

from cloudassist.store.call import Call
from cloudassist.store.ledger import Ledger


def pieces(ledger: Ledger, scan: Callable[[int], Call[tuple[int, list[str]]]]) -> Iterator[list[str]]:
    """Return all names that a scan brings, some at a time; one that is there all the while comes at least once."""
    cursor = 0
    while True:
        cursor, names = ledger.call(scan(cursor))
        if names:
            yield names
        if cursor == 0:
            return
