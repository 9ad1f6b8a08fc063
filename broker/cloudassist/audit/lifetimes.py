"""Whatever is written goes by itself, but for what is meant to stay (the table in :mod:`cloudassist.store.keys`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cloudassist.audit.finding import Finding, Kind
from cloudassist.audit.scanning import pieces
from cloudassist.store import books, keys
from cloudassist.store.ledger import Ledger

STAYS = -1
"""What the server says of the lifetime of a key that has none."""


@dataclass(frozen=True, slots=True)
class Staying:
    """What may stay beside what is permanent: recurring tasks that go on, and commands that are kept."""

    tasks: frozenset[str]
    commands: frozenset[str]

    def has(self, name: str, row: keys.Row) -> bool:
        """Tell whether a key that fits a row of the table may have no lifetime."""
        if row.lifetime == keys.LIVE:
            return name.partition(":")[2] in self.tasks
        if row.pattern == keys.command("*"):
            return name.removeprefix(keys.command("")) in self.commands
        return row.lifetime == keys.PERMANENT


def findings(ledger: Ledger, retention_ms: int, *, repair: bool) -> Iterator[Finding]:
    """Look at every key; ``repair`` gives those a lifetime that want one."""
    for names in pieces(ledger, books.scan):
        yield from _unknown(ledger, names)
        for name in _without_lifetime(ledger, names):
            if repair:
                ledger.call(books.limit_lifetime(name, retention_ms))
            yield Finding(Kind.LIFETIME, name, "it has no lifetime and is not meant to stay", repaired=repair)


def row_of(name: str) -> keys.Row | None:
    """Return the row of the table that a key fits."""
    return next((row for row in keys.TABLE if fnmatchcase(name, row.pattern)), None)


def _without_lifetime(ledger: Ledger, names: list[str]) -> list[str]:
    """Return those that will stay and may not; what may stay is read after them, for a task may just have begun."""
    lasting = ledger.run([books.lifetime(name) for name in names])
    suspects = [name for name, left in zip(names, lasting, strict=True) if left == STAYS]
    if not suspects:
        return []
    tasks, commands = ledger.run([books.going_on(), books.kept_commands()])
    staying = Staying(frozenset(tasks), frozenset(commands))
    rows = [(name, row_of(name)) for name in suspects]
    wanting = [name for name, row in rows if row is not None and not staying.has(name, row)]
    again = ledger.run([books.lifetime(name) for name in wanting])
    return [name for name, left in zip(wanting, again, strict=True) if left == STAYS]


def _unknown(ledger: Ledger, names: list[str]) -> Iterator[Finding]:
    for name, kind in zip(names, ledger.run([books.type_of(name) for name in names]), strict=True):
        row = row_of(name)
        if row is None:
            yield Finding(Kind.UNKNOWN_KEY, name, f"the ledger knows nothing of it; it is a {kind}")
        elif kind not in {row.type, "none"}:
            yield Finding(Kind.UNKNOWN_KEY, name, f"it is a {kind}, and should be a {row.type}")
