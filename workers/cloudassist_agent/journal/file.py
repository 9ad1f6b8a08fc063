"""The file of the journal: opened, or set aside where it cannot be read.

The journal's id also stands in a file beside it, so that it is known when the journal cannot be read any more: what was
claimed in its name may have run, and must not run again.
"""

import json
import logging
import secrets
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

SCHEMA: Final = 2
"""Version of the tables; a journal of another version is set aside."""
FORMER: Final = 100
"""Ids of journals that were set aside that are remembered, the newest."""

_ID_BYTES: Final = 8
_TABLES: Final = f"""
CREATE TABLE record (
    id TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    boot TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    pid INTEGER,
    pid_start INTEGER,
    report TEXT,
    output BLOB,
    unsent INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX unsent ON record (start_time) WHERE unsent;
CREATE INDEX unended ON record (id) WHERE report IS NULL;
PRAGMA user_version = {SCHEMA};
"""


class UnreadableError(sqlite3.DatabaseError):
    """The file is no journal of ours, or is damaged."""


def open_journal(path: Path) -> tuple[sqlite3.Connection, str, tuple[str, ...]]:
    """Return the connection, the journal's id, and the ids of those that were set aside before it.

    Raises sqlite3.Error or OSError where the file is there and well, and yet cannot be used (a full disk).
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    ids = _read_ids(path)
    try:
        connection = _connect(path, fresh=not ids)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        aside = _set_aside(path)
        log.critical(
            "the journal %s cannot be read (%s); it is kept as %s and a new one is begun. Of what had been claimed "
            "before nobody knows whether it ran: it is reported ExecutionInterrupted and never started",
            path,
            error,
            aside,
        )
        ids = _write_ids(path, [secrets.token_hex(_ID_BYTES), *ids])
        connection = _connect(path, fresh=True)
    if not ids:
        ids = _write_ids(path, [secrets.token_hex(_ID_BYTES)])
    return connection, ids[0], tuple(ids[1:])


def _connect(path: Path, *, fresh: bool) -> sqlite3.Connection:
    """Connect to the file; one that was there before must be whole. Raises sqlite3.DatabaseError."""
    lost = not fresh and not path.exists()
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
    try:
        wrong = "it is gone" if lost else _prepare(connection, fresh=fresh)
    except BaseException:
        connection.close()
        raise
    if wrong:
        connection.close()
        raise UnreadableError(wrong)
    return connection


def _prepare(connection: sqlite3.Connection, *, fresh: bool) -> str:
    """Make the tables where they are to be made; return what is wrong with the file, empty where nothing is."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and fresh:
        connection.executescript(_TABLES)
    elif version != SCHEMA:
        return f"it has version {version}, not {SCHEMA}"
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if found == "ok" else str(found)


def _set_aside(path: Path) -> Path:
    """Rename the file and what belongs to it; return its new name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.unreadable-{stamp}-{secrets.token_hex(2)}")
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside


def _ids_file(path: Path) -> Path:
    return path.with_suffix(".ids")


def _read_ids(path: Path) -> list[str]:
    """Return the ids of the journal and of those before it, the newest first; none where there was no journal."""
    try:
        ids = json.loads(_ids_file(path).read_text(encoding="ascii"))
    except FileNotFoundError:
        return []
    except ValueError:
        ids = None
    if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
        log.critical("%s cannot be read; the journal gets a new id, and its instances wait for its lease", path)
        return []
    return ids


def _write_ids(path: Path, ids: list[str]) -> list[str]:
    kept = ids[:FORMER]
    fresh = _ids_file(path).with_suffix(".new")
    fresh.write_text(json.dumps(kept) + "\n", encoding="ascii")
    fresh.replace(_ids_file(path))
    return kept
