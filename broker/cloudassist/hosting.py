"""How many simulated instances of a stack share one process."""

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


def hosted_together(count: int) -> int:
    """Return how many of so many instances one process stands for."""
    spread = math.ceil(count / (HOSTS_PER_PROCESSOR * (os.cpu_count() or 1)))
    return min(max(INSTANCES_PER_HOST, spread), INSTANCES_PER_HOST_CEILING)
