"""The journal: what this agent knows of each record, on disk.

The row "about to start" is the commit point of an execution: it is on disk before the process exists, and a record that
has one is never started again. A report lives here until it is known to be sent, and can be repeated for days.

Writers that come together share one commit. Only the commit point waits for the disk; the rest is safe against a crash
of the agent, and what a power failure takes of it is covered by the commit point.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from cloudassist import messages
from cloudassist.messages import Report, with_output
from cloudassist_agent.journal import file as journal_file
from cloudassist_agent.together import Together

T = TypeVar("T")

_INSERT: Final = """
INSERT INTO record (id, instance, boot, start_time, expires, report, output, unsent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""
_STRIPPED: Final = 100
"""Reports whose output is given up in one statement."""


class JournalError(Exception):
    """The journal cannot be read or written; the text says which file, and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as the journal knows it; ``report`` is its last report, None while it has not ended.

    ``start_time`` is milliseconds of the server's clock; ``pid_start`` tells a process from a later one with its pid.
    """

    record_id: str
    instance_id: str
    boot: str
    start_time: int
    pid: int | None
    pid_start: int | None
    report: Report | None


class Unsent(NamedTuple):
    """A last report that waits to be sent: the body of the message, as the instance says it."""

    record_id: str
    instance_id: str
    body: str


@dataclass(frozen=True, slots=True)
class _Write:
    """One statement that waits for the writer."""

    statement: Callable[[sqlite3.Connection], Any]
    durable: bool


class Journal:
    """The journal of one agent; safe to share between threads. ``id`` names it for good.

    A file that cannot be read is set aside, and a new journal begun; ``former`` holds the ids of those that were. Every
    method raises JournalError where the file cannot be used; nothing of what it was to do is done then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection, self.id, self.former = journal_file.open_journal(path)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{path}: {error}") from error
        self._durable = True
        self._writer = Together(self._commit)

    def begin(self, record_id: str, instance_id: str, boot: str, start_time: int, expires: int) -> bool:
        """Write "about to start" to the disk; False where the record is known, and then it must not be started.

        ``expires`` (ms, server's clock) is until when a copy of its order can be valid: so long it is not forgotten.
        """
        row = (record_id, instance_id, boot, start_time, expires, None, None, 0)
        return self._write(lambda db: db.execute(_INSERT, row).rowcount == 1, durable=True)

    def refuse(self, boot: str, at: int, expires: int, report: Report) -> bool:
        """Write that a record will not be started, with the report to send; False where the record is known."""
        body, output = _parts(report)
        row = (report.record_id, report.instance_id, boot, at, expires, body, output, 1)
        return self._write(lambda db: db.execute(_INSERT, row).rowcount == 1)

    def note_process(self, record_id: str, pid: int, pid_start: int) -> None:
        """Write down which process runs a record, to find it again after a crash."""
        values = (pid, pid_start, record_id)
        self._write(lambda db: db.execute("UPDATE record SET pid = ?, pid_start = ? WHERE id = ?", values))

    def end(self, report: Report) -> None:
        """Write down a record's last report; it is unsent from here on."""
        body, output = _parts(report)
        values = (body, output, report.record_id)
        self._write(lambda db: db.execute("UPDATE record SET report = ?, output = ?, unsent = 1 WHERE id = ?", values))

    def repeat(self, record_id: str) -> None:
        """Have a record's last report sent again, if it has one."""
        self._write(
            lambda db: db.execute("UPDATE record SET unsent = 1 WHERE id = ? AND report IS NOT NULL", (record_id,))
        )

    def mark_sent(self, record_ids: Iterable[str]) -> None:
        """Write down that the last reports of these records were sent."""
        rows = [(record_id,) for record_id in record_ids]
        self._write(lambda db: db.executemany("UPDATE record SET unsent = 0 WHERE id = ?", rows))

    def prune(self, now: int, keep_ms: int, most_bytes: int) -> int:
        """Forget records that were reported, whose orders are void, and that are older than that; return how many.

        Where the journal is still larger than ``most_bytes``, the oldest reports that were sent lose their output.
        """
        statement = "DELETE FROM record WHERE start_time < ? AND expires < ? AND report IS NOT NULL AND NOT unsent"
        forgotten = self._write(lambda db: db.execute(statement, (now - keep_ms, now)).rowcount)
        while self._write(_size) > most_bytes and self._write(_strip):
            pass
        return forgotten

    def find(self, record_id: str) -> Entry | None:
        """Return what is known of one record."""
        rows = self._read("WHERE id = ?", (record_id,))
        return rows[0] if rows else None

    def unended(self) -> list[Entry]:
        """Return the records that were about to start and have no last report."""
        return self._read("WHERE report IS NULL", ())

    def unsent(self, most: int) -> list[Unsent]:
        """Return the last reports that are unsent, oldest first."""
        query = "SELECT id, instance, report, output FROM record WHERE unsent ORDER BY start_time LIMIT ?"
        rows = self._select(query, (most,))
        return [Unsent(record_id, instance, with_output(body, output)) for record_id, instance, body, output in rows]

    def close(self) -> None:
        """Close the file."""
        with self._writer.way:
            self._connection.close()

    def _read(self, where: str, values: tuple[Any, ...]) -> list[Entry]:
        # S608: the clause is one of the constants above; every value is bound.
        columns = "id, instance, boot, start_time, pid, pid_start, report, output"
        return [_entry(*row) for row in self._select(f"SELECT {columns} FROM record {where}", values)]  # noqa: S608

    def _select(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            with self._writer.way:
                return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: {error}") from error

    def _write(self, statement: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        try:
            result: T = self._writer.ask(_Write(statement, durable))
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: {error}") from error
        return result

    def _commit(self, writes: Sequence[_Write]) -> list[Any]:
        """Carry out what waits in one transaction."""
        self._set_durable(any(write.durable for write in writes))
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [write.statement(self._connection) for write in writes]
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results

    def _set_durable(self, durable: bool) -> None:  # noqa: FBT001 - private, and named where it is called
        if durable is not self._durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable


def _parts(report: Report) -> tuple[str, bytes]:
    """Return a report's body without its output, and its output: that may be given up before the rest."""
    return replace(report, output=b"").encode(), report.output


def _entry(*row: Any) -> Entry:
    record_id, instance_id, boot, start_time, pid, pid_start, body, output = row
    report = None
    if body is not None:
        decoded = messages.decode(body)
        assert isinstance(decoded, Report)
        report = replace(decoded, output=output or b"")
    return Entry(record_id, instance_id, boot, start_time, pid, pid_start, report)


def _size(db: sqlite3.Connection) -> int:
    """Return how many bytes of the file are in use."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _strip(db: sqlite3.Connection) -> int:
    chosen = "SELECT id FROM record WHERE output IS NOT NULL AND NOT unsent ORDER BY start_time LIMIT ?"
    return db.execute(f"UPDATE record SET output = NULL WHERE id IN ({chosen})", (_STRIPPED,)).rowcount  # noqa: S608
