"""What the ledger refused, as errors that a caller understands; and requests that were made before."""

from cloudassist.errors import CloudAssistError, ConflictError, LimitExceededError, NotFoundError, ThrottlingError
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
        case Refusal.TASK_QUOTA:
            return LimitExceededError(
                refused.cause,
                f"{refused.count} recurring tasks go on; the limit is {settings.recurring_tasks}. Stop some first",
            )
        case Refusal.OPEN_RECORDS:
            return ThrottlingError(
                f"{refused.count} records of the region have not ended; with those of this run there would be more "
                f"than the limit, {settings.open_records}"
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
        case Refusal.NO_COMMAND:
            return NotFoundError(refused.cause, "there is no such command, or it has just been deleted")
