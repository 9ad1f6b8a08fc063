"""One invocation: what was asked, and how its instances stand (API a.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pydantic import Field

from cloudassist.content_encoding import ContentEncoding
from cloudassist.models.base import ApiModel, Time, moment
from cloudassist.models.record import InvokeInstance
from cloudassist.rollup import (
    DetailInvokeStatus,
    batch_detail_status,
    batch_status_of_counts,
    recurring_detail_status,
)
from cloudassist.status import BATCH_TERMINAL, InvocationStatus, InvokeStatus

_NUMBERS = (*(f"n.{status}" for status in InvocationStatus), "n.pending", "n.nonzero", "n.open")
PROGRESS = (*_NUMBERS, "frequency")
"""The fields that say how an invocation stands: counters of its instances by status, of those that have not started,
and of those that ended with an exit code other than 0; where it recurs, of the records that have not ended."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How an invocation stands at one moment: how many instances have each status, and the status of the whole.

    Where it is a recurring task, ``running`` of the records of its runs have not ended.
    """

    counts: Mapping[InvocationStatus, int]
    pending: int = field(default=0, compare=False)
    nonzero: int = field(default=0, compare=False)
    recurring: bool = False
    running: int = field(default=0, compare=False)

    @property
    def status(self) -> InvokeStatus:
        """Return the status of the whole."""
        return batch_status_of_counts(self.counts)

    @property
    def detail_status(self) -> DetailInvokeStatus:
        """Return the status of the whole in the newer vocabulary of the API."""
        if self.recurring:
            return recurring_detail_status(self.counts, running=self.running, nonzero=self.nonzero)
        return batch_detail_status(self.counts, pending=self.pending, nonzero=self.nonzero)

    @property
    def ended(self) -> bool:
        """Tell whether nothing will change any more."""
        return self.status in BATCH_TERMINAL

    @property
    def total(self) -> int:
        """Return how many instances there are."""
        return sum(self.counts.values())

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Build the progress from an invocation's fields in the ledger."""
        numbers = [int(fields.get(name, 0)) for name in _NUMBERS]
        *counts, pending, nonzero, running = numbers
        recurring = "frequency" in fields
        return cls(dict(zip(InvocationStatus, counts, strict=True)), pending, nonzero, recurring, running)


class InvocationSummary(ApiModel):
    """One row of DescribeInvocations. ``timeout`` is in seconds; ``parameters`` is JSON, as text.

    ``invoke_instances`` shows at most the first hundred of ``instance_count``; DescribeInvocationResults has them all.
    Of a recurring task ``runs`` have been made, ``missed`` moments passed while nobody could make one, and ``skipped``
    were left out on an instance, since the last run had not ended there; ``timed`` says that it goes on.
    """

    invoke_id: str
    command_id: str
    command_name: str
    command_description: str
    command_type: str
    command_content: str
    enable_parameter: bool = False
    parameters: str
    frequency: str = ""
    time_zone: str = ""
    repeat_mode: str = "Once"
    timed: bool = False
    timeout: int
    working_dir: str
    username: str
    termination_mode: str = "ProcessTree"
    creation_time: Time
    finish_time: Time
    next_time: Time = None
    runs: int = 0
    missed: int = 0
    skipped: int = 0
    status: InvokeStatus = Field(alias="InvokeStatus")
    detail_status: DetailInvokeStatus = Field(alias="InvocationStatus")
    caller: str
    instance_count: int
    invoke_instances: tuple[InvokeInstance, ...] = ()

    @classmethod
    def of(
        cls,
        invoke_id: str,
        fields: Mapping[str, str],
        rows: Sequence[InvokeInstance],
        encoding: ContentEncoding,
        next_due: int | None = None,
    ) -> Self:
        """Build the row from what the ledger holds."""
        progress = Progress.of(fields)
        return cls(
            invoke_id=invoke_id,
            command_id=fields["command_id"],
            command_name=fields["name"],
            command_description=fields["description"],
            command_type=fields["type"],
            command_content=encoding.write(fields["content"].encode()),
            enable_parameter=fields["enable_parameter"] == "1",
            parameters=fields["parameters"],
            frequency=fields.get("frequency", ""),
            time_zone=fields.get("time_zone", ""),
            repeat_mode="Period" if progress.recurring else "Once",
            timed=progress.recurring and progress.status is InvokeStatus.RUNNING,
            timeout=int(fields["timeout"]),
            working_dir=fields["working_dir"],
            username=fields["username"],
            creation_time=moment(fields["creation_time"]),
            finish_time=moment(fields.get("finish_time")),
            next_time=None if next_due is None else moment(str(next_due)),
            runs=int(fields.get("runs", 0)),
            missed=int(fields.get("missed", 0)),
            skipped=int(fields.get("skipped", 0)),
            status=progress.status,
            detail_status=progress.detail_status,
            caller=fields["caller"],
            instance_count=progress.total,
            invoke_instances=tuple(rows),
        )
