"""Local signs of life: each thread of the agent promises by when it will be heard of again.

They lie in a small file that is mapped into memory, so that a promise costs a microsecond and no call of the system.
The daemon reads it (:mod:`cloudassist_agent.daemon.judge`). Nothing of it depends on the server: an outage is no reason
to be silent.
"""

import contextlib
import math
import mmap
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FIXED: Final = ("main", "presence", "sender")
"""The threads that every agent has; the others run scripts."""
NEVER: Final = math.inf

_SLOT: Final = struct.Struct("<d184s")
_DEADLINE: Final = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class Heard:
    """What the file says of one thread: the last moment (monotonic seconds) by which it has to be heard of again."""

    name: str
    deadline: float

    @property
    def runs_script(self) -> bool:
        """Tell whether it has a record in hand."""
        return self.name not in FIXED


class Sign:
    """The sign of life of one thread. ``margin`` is the seconds that a promise may be late."""

    def __init__(self, memory: mmap.mmap, offset: int, margin: float) -> None:
        self._memory = memory
        self._offset = offset
        self._margin = margin

    def promise(self, rest: float = 0.0) -> None:
        """Say that this thread is well, and will say so again after a rest of so many seconds at the latest."""
        _DEADLINE.pack_into(self._memory, self._offset, time.monotonic() + rest + self._margin)

    def begin(self, name: str) -> None:
        """Take the place for a thread of this name."""
        _SLOT.pack_into(self._memory, self._offset, time.monotonic() + self._margin, name.encode())

    def end(self) -> None:
        """Say that nothing more is to be heard of this thread."""
        _SLOT.pack_into(self._memory, self._offset, NEVER, b"")


class Signs:
    """The signs of one agent, with places for so many threads that run scripts; safe to share between threads."""

    def __init__(self, path: Path, scripts: int, margin: float) -> None:
        count = len(FIXED) + scripts
        fresh = path.with_suffix(".new")
        fresh.write_bytes(_SLOT.pack(NEVER, b"") * count)
        with fresh.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        fresh.replace(path)
        places = [Sign(self._memory, number * _SLOT.size, margin) for number in range(count)]
        self._fixed = dict(zip(FIXED, places, strict=False))
        self._free = places[len(FIXED) :]
        self._lock = threading.Lock()
        self.margin = margin

    def of(self, name: str) -> Sign:
        """Return the sign of one of the fixed threads, which begins now."""
        sign = self._fixed[name]
        sign.begin(name)
        return sign

    @contextlib.contextmanager
    def during(self, record_id: str) -> Iterator[Sign]:
        """Give the calling thread a sign while it has a record in hand."""
        with self._lock:
            sign = self._free.pop()
        sign.begin(record_id)
        try:
            yield sign
        finally:
            sign.end()
            with self._lock:
                self._free.append(sign)


def read(path: Path) -> list[Heard]:
    """Return what the threads of an agent have promised; raises OSError where there is no such file."""
    found = []
    for deadline, name in _SLOT.iter_unpack(path.read_bytes()):
        if deadline != NEVER:
            found.append(Heard(name.rstrip(b"\0").decode(errors="replace"), deadline))
    return found
