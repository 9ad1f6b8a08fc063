"""What the ledger refuses to do, as codes of the API (a.18); written into the functions: no word stands twice."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Refusal(StrEnum):
    """The causes."""

    NO_COMMAND = "InvalidCmdId.NotFound"
    """There is no command with that id."""
    COMMAND_QUOTA = "CmdCount.ExceedQuota"
    """The region keeps as many commands as it may."""
    COMMAND_IN_USE = "InvalidOperation.CommandInUse"
    """A run of the command has not ended."""
    CALL_QUOTA = "Invocation.ExceedQuota"
    """As many runs were called for today as may be."""
    TASK_QUOTA = "RecurringTask.ExceedQuota"
    """As many recurring tasks go on as may."""
    OPEN_RECORDS = "Throttling"
    """As many records have not ended as may be."""
    NO_ACTIVATION = "InvalidActivation.NotFound"
    """There is no activation with that id."""
    ACTIVATION_QUOTA = "ActivationCount.ExceedQuota"
    """The region keeps as many activations as it may."""
    ACTIVATION_IN_USE = "InvalidOperation.ActivationInUse"
    """Instances that were enrolled with the activation are still registered."""
    NO_INSTANCE = "InvalidInstance.NotFound"
    """There is no instance with that id."""
    PLANNING = "ServiceUnavailable"
    """The same request is being planned, or its plan was broken off a moment ago."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was not carried out; ``count`` is the number that was in the way."""

    cause: Refusal
    count: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """A request whose ClientToken was used before, with the digest of its arguments and the ids that it was given."""

    digest: str
    ids: tuple[str, ...]


def verdict(answer: list[Any]) -> Refused | Earlier | None:
    """Decode the answer of a function that may refuse; None where it did what was asked."""
    match [part.decode() if isinstance(part, bytes) else part for part in answer]:
        case ["refused", cause, count]:
            return Refused(Refusal(cause), int(count))
        case ["earlier", digest, *ids]:
            return Earlier(digest, tuple(ids))
        case _:
            return None
