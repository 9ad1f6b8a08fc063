"""The agent's system where it is Linux, or another one with its calls; see :mod:`cloudassist_agent.scripts.system`."""

import fcntl
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from cloudassist.command_type import CommandType
from cloudassist_agent.scripts import script, tree
from cloudassist_agent.scripts.identity import Identity as User
from cloudassist_agent.scripts.process import ScriptProcess
from cloudassist_agent.scripts.script import Script
from cloudassist_agent.scripts.toll import Toll

__all__ = [
    "EVENT_LOOP", "EXECUTION_PATH", "SCRIPTS", "ScriptProcess", "User",
    "as_user", "boot_id", "end_leftovers", "hold", "holder", "machine_id", "process_start",
]  # fmt: skip

EVENT_LOOP: Final = True
EXECUTION_PATH: Final = Path("/tmp")  # noqa: S108 - the task execution path of the overview
SCRIPTS: Final[Mapping[CommandType, Callable[[str], Script]]] = {
    CommandType.SHELL: script.shell,
    CommandType.POWERSHELL: script.powershell,
}
_MACHINE_IDS: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_FLOCK: Final = "hhqqi4x"
"""Linux's struct flock on 64 bits: type, whence, start, length, process."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def as_user(username: str, _password_name: str) -> Iterator[User]:
    """Yield the user of this name; the name of a password is for Windows, and means nothing here.

    Raises ScriptError: AccountNotExists, UserOrPasswordInvalid.
    """
    yield User.of(username)


def boot_id() -> str:
    """Return what changes with every start of the machine; raises OSError where there is no such thing."""
    return _BOOT_ID.read_text(encoding="ascii").strip()


def machine_id() -> str:
    """Return what tells this machine from a copy of it; empty where there is no such thing (a container)."""
    for path in _MACHINE_IDS:
        try:
            return path.read_text(encoding="ascii").strip()
        except OSError:
            continue
    return ""


def hold(file: IO[str]) -> None:
    """Hold a file for this process alone, until it is closed; raises BlockingIOError where another one does."""
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder(file: IO[str]) -> int | None:
    """Return the id of the process that holds a file, without holding it meanwhile; None where nobody does."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, *_, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(pid)


def process_start(pid: int) -> int:
    """Return what tells a process from a later one with its pid; 0 where it is gone."""
    return tree.start_of(pid)


def end_leftovers(record_id: str, pid: int | None, start: int | None, grace: float) -> Toll:
    """End what is left of a run whose agent is gone; ``pid`` and ``start`` are those of its first process, if known."""
    alive = pid is not None and process_start(pid) == start
    return tree.end(record_id, pid if alive else None, grace)
