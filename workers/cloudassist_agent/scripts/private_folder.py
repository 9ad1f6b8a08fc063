"""The private folder of a run, where others may be at work as well: below the task execution path, which is /tmp.

Nobody else can have made it, get into it or put something in its place while it is written to. Once it belongs to the
user that runs the script, that user can: so it is held open, and emptied through that, never by its name.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts.script import ScriptError

PREFIX: Final = "cloudassist-"

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_ROOT: Final = 0
_HAS_DESCRIPTORS: Final = os.unlink in os.supports_dir_fd


@contextmanager
def private_folder(place: Path, *, keep: bool) -> Iterator[Path]:
    """Make a folder of one's own (0700) in a place; it is removed in the end, unless it is to be kept.

    Raises ScriptError (ExecutionException) where that cannot be done, or where others could get at it.
    """
    _check(place)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    except OSError as error:
        raise ScriptError(ErrorCode.EXECUTION_EXCEPTION, f"no folder could be made in {place}: {error}") from error
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) if _HAS_DESCRIPTORS else None
    try:
        yield folder
    finally:
        if not keep:
            _remove(folder, held)
        if held is not None:
            os.close(held)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there before, readable by its owner alone; raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)


def _check(place: Path) -> None:
    """Refuse a place where another user could exchange what is in it, or the place itself; raises ScriptError."""
    if not _HAS_DESCRIPTORS:
        return
    trusted = {_ROOT, os.geteuid()}
    for part in (place, *place.parents):
        try:
            itself, behind = part.lstat(), part.stat()
        except OSError as error:
            raise ScriptError(ErrorCode.EXECUTION_EXCEPTION, f"the execution path {place}: {error}") from error
        open_to_others = behind.st_mode & _OTHERS_WRITE and not behind.st_mode & stat.S_ISVTX
        if open_to_others or not {itself.st_uid, behind.st_uid} <= trusted:
            raise ScriptError(
                ErrorCode.EXECUTION_EXCEPTION,
                f"the execution path {place} is not safe: others than root and the agent's user can change {part}",
            )


def _remove(folder: Path, held: int | None) -> None:
    if held is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(OSError):
        _empty(held)
        # If something else has its name now, that is its user's, and stays.
        if os.path.samestat(folder.lstat(), os.fstat(held)):
            folder.rmdir()


def _empty(held: int) -> None:
    """Remove what is in a folder that is held open; what it links to is left alone."""
    for name in os.listdir(held):
        try:
            os.unlink(name, dir_fd=held)
        except OSError:
            shutil.rmtree(name, ignore_errors=True, dir_fd=held)
