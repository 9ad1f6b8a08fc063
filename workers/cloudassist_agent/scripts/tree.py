"""The processes of one run: found by their session, their ancestors and a mark in their environment, and ended.

A script may leave its session, its process group and its parent; what it cannot shed is the mark that its environment
carried when it was started, and what it cannot hide while it lives is whose child it is.

However many runs are being ended at a time, the system's processes are looked through once per sweep: :class:`Sweeps`
shares what was seen. A process that is older than a run cannot be of it, and is not looked at any closer.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cloudassist_agent.scripts.toll import Toll

MARK: Final = "CLOUDASSIST_RECORD_ID"
"""The environment variable that names the record in every process of its run."""

_PROC: Final = Path("/proc")
_FIRST_PAUSE_SECONDS: Final = 0.01
"""Seconds between the first two looks while processes are being ended; it grows with each further one."""
_LONGEST_PAUSE_SECONDS: Final = 0.1
_FRESH_SECONDS: Final = 0.005
"""Seconds for which what one sweep saw is good for others, the least."""
_SHARE: Final = 0.25
"""The part of one processor that looking may take, where many runs are being ended."""
_SAVED_SECONDS: Final = 0.02
"""Seconds of looking that are saved up while nobody looks, the most: so much may be done at once."""
_STAT_BYTES: Final = 4_096
"""Bytes of a process's stat, the most; some 300 are used."""
UNKILLABLE_SECONDS: Final = 10.0
"""Seconds after SIGKILL at which a process that is still there is given up (it hangs in the kernel)."""
_STOPPING_SECONDS: Final = 1.0
"""Seconds to stop what is to be killed; what starts processes faster than they can be stopped is killed as it runs."""
_STAT_STATE, _STAT_PARENT, _STAT_SESSION, _STAT_START = 0, 1, 3, 19


@dataclass(frozen=True, slots=True)
class Process:
    """One process as /proc shows it; ``start`` is in clock ticks since the boot.

    Only these two make it the same one: its parent changes when that ends, and its session when it wants.
    """

    pid: int
    parent: int = field(compare=False)
    session: int = field(compare=False)
    start: int


class Sweeps:
    """Looks through the system's processes, for all that ask at about the same time; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: Sequence[Process] = ()
        self._begun = 0.0
        self._good_until = 0.0
        self._saved = 0.0
        self._marks: dict[tuple[int, int], bytes] = {}

    def processes(self, after: float = 0.0) -> Sequence[Process]:
        """Return every living process, as of a few milliseconds ago, but no earlier than ``after`` (monotonic seconds).

        Where a sweep takes long, for there are many, it is good for longer: looking never takes more than a fourth of
        a processor, however many runs are being ended; only those that begin to be ended at a time have one look more.
        """
        with self._lock:
            if (now := time.monotonic()) >= self._good_until or self._begun < after:
                self._look(now)
            return self._seen

    def again(self, after: float) -> Sequence[Process]:
        """Return what there was no earlier than ``after`` where a look can be afforded, else as of a while ago."""
        with self._lock:
            now = time.monotonic()
            if self._begun < after and self._saved + _SHARE * (now - self._begun) > 0:
                self._look(now)
            return self._seen

    def _look(self, now: float) -> None:
        saved = min(_SAVED_SECONDS, self._saved + _SHARE * (now - self._begun))
        self._begun = now
        self._seen = [process for process in map(_read, _pids()) if process is not None]
        taken = time.monotonic() - now
        self._saved = saved - taken
        self._good_until = now + max(taken + _FRESH_SECONDS, taken / _SHARE)
        alive = {(process.pid, process.start) for process in self._seen}
        self._marks = {key: mark for key, mark in self._marks.items() if key in alive}

    def mark(self, process: Process) -> bytes:
        """Return the record in whose name a process was started, empty where it was not. A mark once seen stays."""
        key = (process.pid, process.start)
        mark = self._marks.get(key) or _mark_of(process.pid)
        if mark:
            self._marks[key] = mark
        return mark


SWEEPS: Final = Sweeps()
"""The sweeps of this agent."""


def start_of(pid: int) -> int:
    """Return when a process started, in clock ticks since the boot; 0 where it is gone or waits to be reaped."""
    process = _read(pid)
    return 0 if process is None else process.start


def begun(pid: int) -> int:
    """Return the same also of a process that waits to be reaped."""
    fields = _fields(pid)
    return int(fields[_STAT_START]) if fields else 0


@dataclass(frozen=True, slots=True)
class Tree:
    """The processes of one run: those with its mark, in its session, and all their descendants.

    ``leader`` is its first one, if known, begun at ``since`` (clock ticks since the boot). They are to end since
    ``asked`` (monotonic seconds): what was seen before that may have missed the first of them.
    """

    record_id: str
    leader: int | None
    since: int
    asked: float

    def find(self, *, ended: float = 0.0) -> list[Process]:
        """Return those that live; ``ended`` (monotonic seconds) is when one of them did just now, worth a look."""
        everything = SWEEPS.again(ended) if ended else SWEEPS.processes(self.asked)
        young = [process for process in everything if process.start >= self.since]
        mark = self.record_id.encode()
        found = {process.pid for process in young if process.session == self.leader or SWEEPS.mark(process) == mark}
        children: dict[int, list[int]] = {}
        for process in young:
            children.setdefault(process.parent, []).append(process.pid)
        waiting = list(found)
        while waiting:
            for child in children.get(waiting.pop(), ()):
                if child not in found:
                    found.add(child)
                    waiting.append(child)
        return [process for process in young if process.pid in found]

    def kill(self) -> set[Process]:
        """Stop all before any is killed: one that runs could start another meanwhile, for ever."""
        stopped: set[Process] = set()
        deadline = time.monotonic() + _STOPPING_SECONDS
        while (moving := set(self.find()) - stopped) and time.monotonic() < deadline:
            _signal(moving, signal.SIGSTOP)
            stopped |= moving
            time.sleep(_FRESH_SECONDS)
        _signal(stopped, signal.SIGKILL)
        return stopped


def end(
    record_id: str, leader: int | None, grace: float, *, since: int = 0, idle: Callable[[float], object] = time.sleep
) -> Toll:
    """End every process of a run: SIGTERM, ``grace`` seconds, SIGKILL until nothing is left; return how many.

    What is there :data:`UNKILLABLE_SECONDS` later is given up: it goes as soon as the kernel lets it.
    A process gets one SIGTERM. What a script starts after its own, to clean up behind itself, has the grace to do so;
    what is left when the script has ended is told as well. ``idle`` is called to wait for so many seconds, and may do
    something useful in them; where it returns true the script has just ended, and the next look is soon.
    """
    tree = Tree(record_id, leader, since, time.monotonic())
    told = set(tree.find())
    ended = set(told)
    killed: set[Process] = set()
    _signal(told, signal.SIGTERM)
    deadline = time.monotonic() + grace
    just_ended = idle(_FIRST_PAUSE_SECONDS)
    pause = _FRESH_SECONDS if just_ended else 2 * _FIRST_PAUSE_SECONDS
    while (left := tree.find(ended=time.monotonic() if just_ended else 0.0)) and (
        time.monotonic() < deadline + UNKILLABLE_SECONDS
    ):
        if time.monotonic() >= deadline:
            killed |= tree.kill()
            pause = _FRESH_SECONDS
        elif all(process.pid != leader for process in left):
            _signal(set(left) - told, signal.SIGTERM)
            told |= set(left)
        ended |= set(left)
        just_ended = idle(max(0.0, min(pause, deadline - time.monotonic())) or pause)
        pause = _FRESH_SECONDS if just_ended else min(2 * pause, _LONGEST_PAUSE_SECONDS)
    return Toll(len((ended | killed) - set(left)), len(killed - set(left)), len(left))


def _signal(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        if start_of(process.pid) == process.start:
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdecimal()]  # noqa: PTH208 - a third of the time


def _read(pid: int) -> Process | None:
    """Read one process; None where it is gone or only waits to be reaped."""
    fields = _fields(pid)
    if not fields or fields[_STAT_STATE] in {b"Z", b"X"}:
        return None
    return Process(pid, int(fields[_STAT_PARENT]), int(fields[_STAT_SESSION]), int(fields[_STAT_START]))


def _fields(pid: int) -> list[bytes]:
    """Return what stands behind the name in a process's stat; nothing where it is gone."""
    try:
        file = os.open(f"{_PROC}/{pid}/stat", os.O_RDONLY)
    except OSError:
        return []
    try:
        stat = os.read(file, _STAT_BYTES)
    except OSError:
        return []
    finally:
        os.close(file)
    return stat.rpartition(b")")[2].split()


def _mark_of(pid: int) -> bytes:
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""
    begin = f"{MARK}=".encode()
    return next((entry.removeprefix(begin) for entry in environment.split(b"\0") if entry.startswith(begin)), b"")
