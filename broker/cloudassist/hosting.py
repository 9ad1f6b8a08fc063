"""How many simulated instances of a stack share one process, and how many processes a processor."""

import math
import os
from typing import Final

INSTANCES_PER_HOST: Final = 500
"""Instances in one process, unless that made more than HOSTS_PER_PROCESSOR processes."""
INSTANCES_PER_HOST_CEILING: Final = 2_500
"""Instances in one process, the most: with more, each costs more (docs/performance.md)."""
HOSTS_PER_PROCESSOR: Final = 2
"""Such processes per processor: with more, each record costs more, for they take the processor's caches in turns."""
SCRIPTS_PER_HOST: Final = 16
"""Scripts that such a process runs at a time, where CLOUDASSIST_CONCURRENCY says nothing else."""

_HAS_AFFINITY: Final = hasattr(os, "sched_setaffinity")


def hosted_together(count: int) -> int:
    """Return how many of so many instances one process stands for."""
    spread = math.ceil(count / (HOSTS_PER_PROCESSOR * (os.cpu_count() or 1)))
    return min(max(INSTANCES_PER_HOST, spread), INSTANCES_PER_HOST_CEILING)


def keep_to_one_processor(pid: int, number: int) -> None:
    """Have a process that was just started, the ``number``-th of its kind, keep to one processor: all in turns.

    Only one of its threads runs Python at a time. On several processors they wake each other from one to the other for
    a fifth of all that such a process does (docs/performance.md). The scripts that it starts stay there, too. Where
    the system knows no such thing, nothing is done.
    """
    if _HAS_AFFINITY:
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(pid, {processors[number % len(processors)]})
