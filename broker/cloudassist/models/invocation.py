"""One invocation: what was asked, and how its instances stand (API a.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pydantic import Field

from cloudassist.content_encoding import ContentEncoding
from cloudassist.models.base import ApiModel, Time, moment
from cloudassist.models.record import InvocationResult, InvokeInstance
from cloudassist.rollup import DetailInvokeStatus, batch_detail_status, batch_status_of_counts
from cloudassist.status import BATCH_TERMINAL, InvocationStatus, InvokeStatus

COUNTERS = (*(f"n.{status}" for status in InvocationStatus), "n.pending", "n.nonzero")
"""The fields that count the instances of an invocation: by status, those that have not started, those that ended with
an exit code other than 0."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How an invocation stands at one moment: how many instances have each status, and the status of the whole."""

    counts: Mapping[InvocationStatus, int]
    pending: int = field(default=0, compare=False)
    nonzero: int = field(default=0, compare=False)

    @property
    def status(self) -> InvokeStatus:
        """Return the status of the whole."""
        return batch_status_of_counts(self.counts)

    @property
    def detail_status(self) -> DetailInvokeStatus:
        """Return the status of the whole in the newer vocabulary of the API."""
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
        numbers = [int(fields.get(name, 0)) for name in COUNTERS]
        *counts, pending, nonzero = numbers
        return cls(dict(zip(InvocationStatus, counts, strict=True)), pending, nonzero)


class InvocationSummary(ApiModel):
    """One row of DescribeInvocations. ``timeout`` is in seconds; ``parameters`` is JSON, as text.

    ``invoke_instances`` shows at most the first hundred of ``instance_count``; DescribeInvocationResults has them all.
    """

    invoke_id: str
    command_id: str
    command_name: str
    command_description: str
    command_type: str
    command_content: str
    parameters: str
    frequency: str = ""
    repeat_mode: str = "Once"
    timed: bool = False
    timeout: int
    working_dir: str
    username: str
    termination_mode: str = "ProcessTree"
    creation_time: Time
    finish_time: Time
    status: InvokeStatus = Field(alias="InvokeStatus")
    detail_status: DetailInvokeStatus = Field(alias="InvocationStatus")
    caller: str
    instance_count: int
    invoke_instances: tuple[InvokeInstance, ...] = ()

    @classmethod
    def of(
        cls, invoke_id: str, fields: Mapping[str, str], rows: Sequence[InvocationResult], encoding: ContentEncoding
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
            parameters=fields["parameters"],
            timeout=int(fields["timeout"]),
            working_dir=fields["working_dir"],
            username=fields["username"],
            creation_time=moment(fields["creation_time"]),
            finish_time=moment(fields.get("finish_time")),
            status=progress.status,
            detail_status=progress.detail_status,
            caller=fields["caller"],
            instance_count=progress.total,
            invoke_instances=tuple(InvokeInstance.of_result(row) for row in rows),
        )
