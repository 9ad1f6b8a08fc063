"""Mischief: acts that do harm, played by a worker in an order that a seed decides."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import redis

from cloudassist.errors import ServiceUnavailableError

MOST_SECONDS = 90.0
"""Seconds after which a worker gives up what it could not do yet."""
PAUSE_SECONDS = (0.2, 0.9)
"""Seconds between two acts of a worker."""


class NothingToDoError(Exception):
    """What an act needs is not there now; it is tried again later."""


AWAY = (NothingToDoError, ServiceUnavailableError, redis.ConnectionError, redis.TimeoutError)
"""Why an act is put off: something else was done to what it needs."""


@dataclass(frozen=True)
class Act:
    """One thing to do: its name, by which it is counted, and how."""

    name: str
    do: Callable[[], object]


class Pace:
    """How long things last: so much is part of the mischief, and nothing is waited for."""

    def __init__(self, choices: random.Random, ended: threading.Event) -> None:
        self.choices = choices
        self._ended = ended

    def pause(self, least: float, most: float) -> None:
        """Let some time pass; none where all is to end."""
        self._ended.wait(self.choices.uniform(least, most))


@dataclass
class Mischief:
    """One worker: what it does, and how often each was done."""

    acts: Sequence[Act]
    pace: Pace
    done: Counter[str] = field(default_factory=Counter)

    def play(self) -> None:
        """Do all of it once, in an order of its own; what cannot be done now is put off."""
        waiting = deque(self.pace.choices.sample(self.acts, len(self.acts)))
        deadline = time.monotonic() + MOST_SECONDS
        while waiting and time.monotonic() < deadline:
            act = waiting.popleft()
            try:
                act.do()
            except AWAY:
                waiting.append(act)
                self.done[f"{act.name} put off"] += 1
            else:
                self.done[act.name] += 1
            self.pace.pause(*PAUSE_SECONDS)


def play_together(workers: Iterable[Mischief], ended: threading.Event) -> Counter[str]:
    """Let the workers do their mischief side by side until all have; return how often each act was done."""
    several = list(workers)
    try:
        with ThreadPoolExecutor(len(several)) as threads:
            for playing in [threads.submit(worker.play) for worker in several]:
                playing.result()
    finally:
        ended.set()
    return sum((worker.done for worker in several), Counter())
