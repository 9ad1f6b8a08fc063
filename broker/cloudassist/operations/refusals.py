"""What the ledger refused, as errors that a caller understands; and requests that were made before."""

from typing import Final

from cloudassist.errors import (
    CloudAssistError,
    ConflictError,
    LimitExceededError,
    NotFoundError,
    ServiceUnavailableError,
    ThrottlingError,
)
from cloudassist.settings import Settings
from cloudassist.store.refusal import Earlier, Refusal, Refused

_ABSENT: Final = {
    Refusal.NO_COMMAND: "there is no such command, or it has just been deleted",
    Refusal.NO_ACTIVATION: "there is no such activation, or it has just been deleted",
    Refusal.NO_INSTANCE: "no instance is registered by that id",
}
_IN_USE: Final = {
    Refusal.COMMAND_IN_USE: "runs of the command have not ended; stop them, or wait, first",
    Refusal.ACTIVATION_IN_USE: "instances that were enrolled with it are registered; deregister them, or disable it",
}


def settle(answer: Refused | Earlier, digest: str, client_token: str, settings: Settings) -> tuple[str, ...]:
    """Return the ids that an earlier request with the same token and arguments was given; raises what was refused."""
    if isinstance(answer, Refused):
        raise error_of(answer, settings)
    if answer.digest != digest:
        raise ConflictError(
            "IdempotentParameterMismatch",
            f"client_token {client_token!r} was used for {' '.join(answer.ids)} with other arguments",
        )
    return answer.ids


def error_of(refused: Refused, settings: Settings) -> CloudAssistError:
    """Return the error of a refusal; where a limit was met, it names limit and count."""
    cause, count = refused.cause, refused.count
    if cause in _ABSENT:
        return NotFoundError(cause, _ABSENT[cause])
    if cause in _IN_USE:
        return ConflictError(cause, f"{count} {_IN_USE[cause]}")
    match cause:
        case Refusal.PLANNING:
            return ServiceUnavailableError("the same request is being planned, or was broken off just now; try again")
        case Refusal.OPEN_RECORDS:
            return ThrottlingError(
                f"{count} records of the region have not ended; with those of this run there would be more than the "
                f"limit, {settings.open_records}"
            )
        case Refusal.CALL_QUOTA:
            told = f"{count} runs were called for today (UTC); the limit is {settings.calls_per_day} a day"
        case Refusal.TASK_QUOTA:
            told = f"{count} recurring tasks go on; the limit is {settings.recurring_tasks}. Stop some first"
        case Refusal.ACTIVATION_QUOTA:
            told = f"{count} activations are kept; the limit is {settings.activations}. Delete some first"
        case _:
            told = f"{count} commands are kept; the limit is {settings.kept_commands}. Delete some first"
    return LimitExceededError(cause, told)
