"""Measuring: figures, percentiles, processor time of processes."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psutil

_PACES = 9


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, and its ratio to a floor or a peer of the same run.

    ``goal`` is the wanted ratio or value in words, where there is one. ``at`` is the size that it was measured at,
    where the question is how it grows.
    """

    question: str
    what: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    goal: str = ""
    at: int | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def times(action: Callable[[], object], count: int) -> list[float]:
    """Carry an action out so often; return how long each took, in milliseconds."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        action()
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


class ProcessorTime:
    """Seconds of processor time that processes, and the children they waited for, have used since the beginning."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._before = self._now()

    def seconds(self) -> float:
        """Return the time used so far."""
        return self._now() - self._before

    def _now(self) -> float:
        return sum(sum(process.cpu_times()[:4]) for process in self._processes)


class MachineTime:
    """Seconds for which the machine's processors have worked since the beginning, whoever it was for."""

    def __init__(self) -> None:
        self._before = self._now()

    def seconds(self) -> float:
        """Return the time used so far."""
        return self._now() - self._before

    def _now(self) -> float:
        times = psutil.cpu_times()
        return float(times.user + times.system + times.nice)


def pace() -> float:
    """Return how long a million additions take here and now, in milliseconds: a machine may be slowed from outside."""

    def add() -> None:
        total = 0
        for number in range(1_000_000):
            total += number

    return median(times(add, _PACES))
