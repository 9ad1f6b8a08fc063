"""The journal: what this agent knows of each record, on disk.

The row "about to start" is the commit point of an execution: it is on disk before the process exists, and a record that
has one is never started again. A report lives here until it is known to be sent, and can be repeated for days.

Writers that come together share one commit: whoever holds the writing lock carries out what the others have put down
meanwhile. Only the commit point waits for the disk; the rest is safe against a crash of the agent, and what a power
failure takes of it is covered by the commit point.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
    id TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    boot TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    pid INTEGER,
    pid_start INTEGER,
    report TEXT,
    unsent INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unsent ON record (start_time) WHERE unsent;
CREATE INDEX IF NOT EXISTS unended ON record (id) WHERE report IS NULL;
"""

_INSERT: Final = """
INSERT INTO record (id, instance, boot, start_time, report, unsent) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as the journal knows it; ``report`` is the body of its last report, None while it has not ended.

    ``start_time`` is milliseconds of the server's clock; ``pid_start`` tells a process from a later one with its pid.
    """

    record_id: str
    instance_id: str
    boot: str
    start_time: int
    pid: int | None
    pid_start: int | None
    report: str | None


@dataclass(slots=True)
class _Write:
    """One statement that waits for the writer."""

    statement: Callable[[sqlite3.Connection], Any]
    durable: bool
    done: bool = False
    result: Any = None
    error: BaseException | None = None


class Journal:
    """The journal of one agent; safe to share between threads. ``id`` names it for good."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)
        self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('id', ?)", (secrets.token_hex(8),))
        ((self.id,),) = self._connection.execute("SELECT value FROM meta WHERE name = 'id'").fetchall()
        self._durable = True
        self._mutex = threading.Lock()
        self._writer = threading.Lock()
        self._waiting: list[_Write] = []

    def begin(self, record_id: str, instance_id: str, boot: str, start_time: int) -> bool:
        """Write "about to start" to the disk; False where the record is known, and then it must not be started."""
        row = (record_id, instance_id, boot, start_time, None, 0)
        return self._write(lambda db: db.execute(_INSERT, row).rowcount == 1, durable=True)

    def refuse(self, record_id: str, instance_id: str, boot: str, at: int, report: str) -> bool:
        """Write that a record will not be started, with the report to send; False where the record is known."""
        row = (record_id, instance_id, boot, at, report, 1)
        return self._write(lambda db: db.execute(_INSERT, row).rowcount == 1)

    def note_process(self, record_id: str, pid: int, pid_start: int) -> None:
        """Write down which process runs a record, to find it again after a crash."""
        values = (pid, pid_start, record_id)
        self._write(lambda db: db.execute("UPDATE record SET pid = ?, pid_start = ? WHERE id = ?", values))

    def end(self, record_id: str, report: str) -> None:
        """Write down a record's last report; it is unsent from here on."""
        values = (report, record_id)
        self._write(lambda db: db.execute("UPDATE record SET report = ?, unsent = 1 WHERE id = ?", values))

    def repeat(self, record_id: str) -> None:
        """Have a record's last report sent again, if it has one."""
        self._write(
            lambda db: db.execute("UPDATE record SET unsent = 1 WHERE id = ? AND report IS NOT NULL", (record_id,))
        )

    def mark_sent(self, record_ids: Iterable[str]) -> None:
        """Write down that the last reports of these records were sent."""
        rows = [(record_id,) for record_id in record_ids]
        self._write(lambda db: db.executemany("UPDATE record SET unsent = 0 WHERE id = ?", rows))

    def prune(self, before: int) -> int:
        """Forget records that ended, were reported, and are older than this moment; return how many."""
        statement = "DELETE FROM record WHERE start_time < ? AND report IS NOT NULL AND NOT unsent"
        return self._write(lambda db: db.execute(statement, (before,)).rowcount)

    def find(self, record_id: str) -> Entry | None:
        """Return what is known of one record."""
        rows = self._read("WHERE id = ?", (record_id,))
        return rows[0] if rows else None

    def unended(self) -> list[Entry]:
        """Return the records that were about to start and have no last report."""
        return self._read("WHERE report IS NULL", ())

    def unsent(self, most: int) -> list[Entry]:
        """Return records whose last report is unsent, oldest first."""
        return self._read("WHERE unsent ORDER BY start_time LIMIT ?", (most,))

    def close(self) -> None:
        """Close the file."""
        with self._writer:
            self._connection.close()

    def _read(self, where: str, values: tuple[Any, ...]) -> list[Entry]:
        # S608: the clause is one of the constants above; every value is bound.
        query = f"SELECT id, instance, boot, start_time, pid, pid_start, report FROM record {where}"  # noqa: S608
        with self._writer:
            return [Entry(*row) for row in self._connection.execute(query, values)]

    def _write(self, statement: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        write = _Write(statement, durable)
        with self._mutex:
            self._waiting.append(write)
        with self._writer:
            if not write.done:
                with self._mutex:
                    together, self._waiting = self._waiting, []
                self._commit(together)
        if write.error is not None:
            raise write.error
        result: T = write.result
        return result

    def _commit(self, together: list[_Write]) -> None:
        """Carry out what waits in one transaction; an error is everybody's who waits."""
        try:
            self._set_durable(any(write.durable for write in together))
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for write in together:
                    write.result = write.statement(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except BaseException as error:
            for write in together:
                write.error = error
        finally:
            for write in together:
                write.done = True

    def _set_durable(self, durable: bool) -> None:  # noqa: FBT001 - private, and named where it is called
        if durable is not self._durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable
