"""The statuses of a record, of an instance and of a batch, and the moves between them.

A record starts as Running when it is planned (what waits counts as running: overview, "Execution status of a command
task"), may be asked to stop, and ends exactly once::

    Running ──► Stopping ──► Stopped
       │            └──────► Finished | Failed     (it ended before the stop reached it)
       └──────► Stopped | Finished | Failed

The ledger's functions are given :data:`MOVES` and refuse every other move, whoever asks.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self


class _Labelled(StrEnum):
    """A string enumeration whose members also carry the console's wording."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class InvocationStatus(_Labelled):
    """The status of one record, and of an instance within an invocation (overview, first status table)."""

    RUNNING = "Running", "Task Running"
    """Planned, waiting, or being run."""
    STOPPING = "Stopping", "Task Stopping"
    """A stop was asked for and the instance has not yet confirmed it."""
    STOPPED = "Stopped", "Manually Stopped"
    """Ended by a stop, before or after it started."""
    FINISHED = "Finished", "Task Completed"
    """The script ran to its end, whatever its exit code."""
    FAILED = "Failed", "Task Failed"
    """The script could not be run, or ran longer than its timeout."""


class InvokeStatus(_Labelled):
    """The status of a whole invocation (overview, second status table, in its order of priority)."""

    RUNNING = "Running", "Task Running"
    STOPPING = "Stopping", "Task Stopping"
    STOPPED = "Stopped", "Manually Stopped"
    FAILED = "Failed", "Task Failed"
    FINISHED = "Finished", "Task Completed"
    PARTIAL_FAILED = "PartialFailed", "Partially Failed"


TERMINAL: Final = frozenset({InvocationStatus.STOPPED, InvocationStatus.FINISHED, InvocationStatus.FAILED})
"""The statuses of a record that never change again."""

BATCH_TERMINAL: Final = frozenset(InvokeStatus) - {InvokeStatus.RUNNING, InvokeStatus.STOPPING}
"""The statuses of an invocation that never change again."""

MOVES: Final[Mapping[InvocationStatus, frozenset[InvocationStatus]]] = MappingProxyType(
    {
        InvocationStatus.RUNNING: frozenset({InvocationStatus.STOPPING}) | TERMINAL,
        InvocationStatus.STOPPING: TERMINAL,
        InvocationStatus.STOPPED: frozenset(),
        InvocationStatus.FINISHED: frozenset(),
        InvocationStatus.FAILED: frozenset(),
    }
)
"""From each status, the statuses that a record may move to."""
