"""The processes of one run: found by their session, their ancestors and a mark in their environment, and ended.

A script may leave its session, its process group and its parent; what it cannot shed is the mark that its environment
carried when it was started, and what it cannot hide while it lives is whose child it is.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARK: Final = "CLOUDASSIST_RECORD_ID"
"""The environment variable that names the record in every process of its run."""

_PROC: Final = Path("/proc")
_SCAN_SECONDS: Final = 0.02
"""Seconds between two looks while processes are being ended."""
_UNKILLABLE_SECONDS: Final = 10.0
"""Seconds after SIGKILL at which a process that is still there is given up (it hangs in the kernel)."""
_STAT_STATE, _STAT_PARENT, _STAT_SESSION, _STAT_START = 0, 1, 3, 19


@dataclass(frozen=True, slots=True)
class Process:
    """One process as /proc shows it; ``start`` is in clock ticks since the boot."""

    pid: int
    parent: int
    session: int
    start: int


def start_of(pid: int) -> int:
    """Return when a process started, in clock ticks since the boot; 0 where it is gone."""
    process = _read(pid)
    return 0 if process is None else process.start


def find(record_id: str, leader: int | None) -> list[Process]:
    """Return the living processes of a run: those with its mark, in its session, and all their descendants."""
    mark = f"{MARK}={record_id}".encode()
    everything = [process for process in map(_read, _pids()) if process is not None]
    found = {process.pid for process in everything if process.session == leader or _is_marked(process.pid, mark)}
    children: dict[int, list[int]] = {}
    for process in everything:
        children.setdefault(process.parent, []).append(process.pid)
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return [process for process in everything if process.pid in found]


def end(record_id: str, leader: int | None, grace: float, idle: Callable[[float], None] = time.sleep) -> int:
    """End every process of a run: SIGTERM, ``grace`` seconds, SIGKILL until nothing is left; return how many.

    A process gets one SIGTERM. What a script starts after its own, to clean up behind itself, has the grace to do so;
    what is left when the script has ended is told as well. ``idle`` is called to wait for so many seconds, and may do
    something useful in them.
    """
    told = set(find(record_id, leader))
    ended = set(told)
    _signal(told, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (left := find(record_id, leader)) and time.monotonic() < deadline + _UNKILLABLE_SECONDS:
        if time.monotonic() >= deadline:
            _signal(left, signal.SIGKILL)
        elif all(process.pid != leader for process in left):
            _signal(set(left) - told, signal.SIGTERM)
            told |= set(left)
        ended |= set(left)
        idle(_SCAN_SECONDS)
    return len(ended)


def _signal(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        if start_of(process.pid) == process.start:
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]


def _read(pid: int) -> Process | None:
    """Read one process; None where it is gone or only waits to be reaped."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[_STAT_STATE] in {"Z", "X"}:
        return None
    return Process(pid, int(fields[_STAT_PARENT]), int(fields[_STAT_SESSION]), int(fields[_STAT_START]))


def _is_marked(pid: int, mark: bytes) -> bool:
    try:
        return mark in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
