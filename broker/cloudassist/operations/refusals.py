"""What the ledger refused, as errors that a caller understands; and requests that were made before."""

from cloudassist.errors import (
    CloudAssistError,
    ConflictError,
    LimitExceededError,
    NotFoundError,
    ServiceUnavailableError,
)
from cloudassist.settings import Settings
from cloudassist.store.refusal import Earlier, Refusal, Refused


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
    match refused.cause:
        case Refusal.CALL_QUOTA:
            return LimitExceededError(
                refused.cause,
                f"{refused.count} runs were called for today (UTC); the limit is {settings.calls_per_day} a day",
            )
        case Refusal.COMMAND_QUOTA:
            return LimitExceededError(
                refused.cause,
                f"{refused.count} commands are kept; the limit is {settings.kept_commands}. Delete some first",
            )
        case Refusal.COMMAND_IN_USE:
            return ConflictError(
                refused.cause, f"{refused.count} runs of the command have not ended; stop them, or wait, first"
            )
        case Refusal.PLANNING:
            return ServiceUnavailableError("the same request is being planned, or was broken off just now; try again")
        case Refusal.NO_COMMAND:
            return NotFoundError(refused.cause, "there is no such command, or it has just been deleted")
