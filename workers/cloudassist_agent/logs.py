"""Where an agent and its daemon log to: stderr, which a service's journal takes, or a file that is rotated."""

import logging
import sys
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from cloudassist.json_log import JsonFormatter

FILE_BYTES: Final = 10 * 2**20
"""Bytes of a log file at which a new one is begun."""
FILES: Final = 5
"""Earlier log files that are kept."""


def configure(level: str, file: Path | None, who: str, json_fields: Mapping[str, str] | None = None) -> None:
    """Set up the log of this process; ``who`` stands in each line. With fields it is JSON, and they stand in each."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
    plain = logging.Formatter(f"[%(asctime)s: %(levelname)s/{who}] %(message)s")
    handler.setFormatter(plain if json_fields is None else JsonFormatter({"process": who} | dict(json_fields)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def file_of_daemon(file: Path | None) -> Path | None:
    """Return the daemon's own file beside an agent's: two processes cannot rotate one."""
    return None if file is None else file.with_stem(f"{file.stem}-daemon")
