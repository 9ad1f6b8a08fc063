"""One invocation: what was asked, and how its instances stand (API a.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from cloudassist.rollup import batch_status_of_counts
from cloudassist.status import BATCH_TERMINAL, InvocationStatus, InvokeStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """How an invocation stands at one moment: how many instances have each status, and the status of the whole."""

    counts: Mapping[InvocationStatus, int]

    @property
    def status(self) -> InvokeStatus:
        """Return the status of the whole."""
        return batch_status_of_counts(self.counts)

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
        return cls({status: int(fields.get(counter(status), 0)) for status in InvocationStatus})


def counter(status: InvocationStatus) -> str:
    """Return the field that counts the instances of an invocation with this status."""
    return f"n.{status}"
