"""The private folder of a run, where others may be at work as well: below the task execution path, which is /tmp.

Nobody else can have made it, get into it or put something in its place while it is written to. Once it belongs to the
user that runs the script, that user can: so it is held open, and emptied through that, never by its name. What an agent
that was killed has left is found by its name again, which nobody else could tell beforehand.
"""

import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts.script import ScriptError

REMOVAL_SECONDS: Final = 60.0
"""Seconds that removing a folder may take, about: what a script left running may fill it faster than it is emptied."""

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_ROOT: Final = 0
_ITSELF: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
"""Opens a folder, and nothing that a link in its place leads to."""
_HAS_DESCRIPTORS: Final = os.unlink in os.supports_dir_fd


@contextmanager
def private_folder(folder: Path, *, keep: bool, contents: Sequence[str] = ()) -> Iterator[None]:
    """Make a folder of one's own (0700), which was not there before; it is removed in the end, unless it is to be kept.

    ``contents`` are names of what is put there: where there is nothing else, nobody looks for more. Raises ScriptError
    (ExecutionException) where that cannot be done, or where others could get at it.
    """
    _check_now_and_then(folder.parent, int(time.monotonic()))
    try:
        folder.mkdir(mode=stat.S_IRWXU)
        held = _hold(folder) if _HAS_DESCRIPTORS else None
    except OSError as error:
        raise ScriptError(ErrorCode.EXECUTION_EXCEPTION, f"the folder {folder} could not be made: {error}") from error
    try:
        yield
    finally:
        if not keep:
            _remove(folder, held, contents)
        if held is not None:
            os.close(held)


def remove_left(folder: Path) -> bool:
    """Remove the folder of a run whose agent was killed; return whether nothing has its name. Never raises.

    The user that ran the script can have put another one in its place. That is emptied like what a script leaves in its
    own: no link is followed, and nothing outside of it goes.
    """
    with suppress(OSError, ScriptError):
        _check(folder.parent)
        held = os.open(folder, _ITSELF) if _HAS_DESCRIPTORS else None
        try:
            _remove(folder, held)
        finally:
            if held is not None:
                os.close(held)
    return not os.path.lexists(folder)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there before, readable by its owner alone; raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    left = memoryview(data)
    # A file object would ask the system several times what kind of file it is.
    file = os.open(path, flags, 0o600)
    try:
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


@lru_cache(maxsize=1)
def _check_now_and_then(place: Path, _second: int) -> None:
    """Check a place once a second: only who could do as he likes there anyway can make it unsafe."""
    _check(place)


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


def _hold(folder: Path) -> int:
    """Open the folder that was made, and see that it is ours alone; else it goes again. Raises OSError."""
    held = None
    try:
        held = os.open(folder, _ITSELF)
        made = os.fstat(held)
        if made.st_uid != os.geteuid() or stat.S_IMODE(made.st_mode) != stat.S_IRWXU:
            raise PermissionError(errno.EPERM, "it is not private", str(folder))
    except OSError:
        if held is not None:
            os.close(held)
        with suppress(OSError):
            folder.rmdir()
        raise
    return held


def _remove(folder: Path, held: int | None, contents: Sequence[str] = ()) -> None:
    if held is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for name in contents:
        _is_removed(name, held)
    with suppress(OSError):
        if not _is_gone(folder, held):
            _empty(held)
            _is_gone(folder, held)


def _is_gone(folder: Path, held: int) -> bool:
    """Remove the folder if it is empty; return whether nothing is left to do."""
    # If something else has its name now, that is its user's, and stays.
    if not os.path.samestat(folder.lstat(), os.fstat(held)):
        return False
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _empty(held: int) -> None:
    """Remove what is in a folder that is held open; what it links to is left alone.

    What is in a folder below comes up before that goes: a script can nest folders deeper than calls and descriptors
    reach.
    """
    deadline = time.monotonic() + REMOVAL_SECONDS
    left = os.listdir(held)
    while left and time.monotonic() < deadline:
        name = left.pop()
        if _is_removed(name, held):
            continue
        with suppress(OSError):
            below = os.open(name, _ITSELF, dir_fd=held)
            try:
                left += _brought_up(below, held)
            finally:
                os.close(below)
            os.rmdir(name, dir_fd=held)


def _brought_up(below: int, held: int) -> list[str]:
    """Empty a folder below the one that is held; return the new names there of what could not be removed at once."""
    found = []
    for name in os.listdir(below):
        if not _is_removed(name, below):
            new = secrets.token_hex(8)
            with suppress(OSError):
                os.rename(name, new, src_dir_fd=below, dst_dir_fd=held)
                found.append(new)
    return found


def _is_removed(name: str, held: int) -> bool:
    """Remove what is no folder, or an empty one; return whether it was removed."""
    for remove in (os.unlink, os.rmdir):
        with suppress(OSError):
            remove(name, dir_fd=held)
            return True
    return False
