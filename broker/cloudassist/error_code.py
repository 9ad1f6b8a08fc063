"""Why a record failed: the instance error codes of the API (b.5), and the newer status vocabulary derived from them.

Only (status, error code, exit code, start time) are ever stored; :func:`detail_status` derives the rest.
"""

from enum import StrEnum

from cloudassist.status import InvocationStatus


class DetailStatus(StrEnum):
    """The newer vocabulary of the API (b.2); derived, never stored."""

    PENDING = "Pending"
    SCHEDULED = "Scheduled"
    """Of an instance of a recurring task: between two runs."""
    RUNNING = "Running"
    STOPPING = "Stopping"
    SUCCESS = "Success"
    FAILED = "Failed"
    TIMEOUT = "Timeout"
    ERROR = "Error"
    INVALID = "Invalid"
    ABORTED = "Aborted"
    CANCELLED = "Cancelled"
    TERMINATED = "Terminated"


class ErrorCode(StrEnum):
    """The cause beside a status. Members are grouped by the detail status that they stand for."""

    # Aborted: the order did not reach a script.
    CLIENT_NOT_RUNNING = "ClientNotRunning"
    """The instance was offline when the run was planned."""
    DELIVERY_TIMEOUT = "DeliveryTimeout"
    """The instance did not take the order within the delivery window."""
    TASK_CONCURRENCY_LIMIT = "TaskConcurrencyLimit"
    """The instance had as many open records as it may have."""
    CLIENT_NEED_UPGRADE = "ClientNeedUpgrade"
    """The instance's agent is too old, or too new, to read the order; the error info says which schema is needed."""
    # Invalid: the order's content, or its moment, is of no use.
    COMMAND_NOT_APPLICABLE = "CommandNotApplicable"
    """The script's type does not fit the instance's operating system."""
    DIRECTORY_NOT_EXISTS = "DirectoryNotExists"
    """The working directory is not there."""
    ACCOUNT_NOT_EXISTS = "AccountNotExists"
    """The user that should run the script is not there."""
    USER_OR_PASSWORD_INVALID = "UserOrPasswordInvalid"  # noqa: S105 - the API's word
    """The agent may not run scripts as that user."""
    AT_EXPRESSION_EXPIRED = "AtExpressionExpired"
    """The moment of an at(…) was missed."""
    CRON_EXPRESSION_EXPIRED = "CronExpressionExpired"
    """The last moment of a cron expression was missed."""
    # Timeout
    EXECUTION_TIMEOUT = "ExecutionTimeout"
    """The script ran longer than its timeout."""
    # Error: it could not be carried through.
    EXECUTION_EXCEPTION = "ExecutionException"
    """The agent could not start or follow the script; the error info says what and where."""
    EXECUTION_INTERRUPTED = "ExecutionInterrupted"
    """The agent ended while the script ran."""
    INSTANCE_RESTARTED = "InstanceRestarted"
    """The machine was restarted while the script ran."""
    CLIENT_NOT_RESPONSE = "ClientNotResponse"
    """The instance has been silent past the record's deadline."""
    # Aborted where it had not started, else Error.
    INSTANCE_DEREGISTERED = "InstanceDeregistered"
    """The instance was deregistered before it could say how the record ended."""
    # Finished, but not with 0.
    EXIT_CODE_NONZERO = "ExitCodeNonzero"
    """The script ended with an exit code other than 0."""


_ABORTED = frozenset(
    {
        ErrorCode.CLIENT_NOT_RUNNING,
        ErrorCode.DELIVERY_TIMEOUT,
        ErrorCode.TASK_CONCURRENCY_LIMIT,
        ErrorCode.CLIENT_NEED_UPGRADE,
    }
)
_INVALID = frozenset(
    {
        ErrorCode.COMMAND_NOT_APPLICABLE,
        ErrorCode.DIRECTORY_NOT_EXISTS,
        ErrorCode.ACCOUNT_NOT_EXISTS,
        ErrorCode.USER_OR_PASSWORD_INVALID,
        ErrorCode.AT_EXPRESSION_EXPIRED,
        ErrorCode.CRON_EXPRESSION_EXPIRED,
    }
)


def detail_status(status: InvocationStatus, *, error_code: str, exit_code: int | None, started: bool) -> DetailStatus:
    """Return the newer status of a record from what the ledger stores of it (API b.2)."""
    match status:
        case InvocationStatus.RUNNING:
            return DetailStatus.RUNNING if started else DetailStatus.PENDING
        case InvocationStatus.STOPPING:
            return DetailStatus.STOPPING
        case InvocationStatus.STOPPED:
            return DetailStatus.TERMINATED if started else DetailStatus.CANCELLED
        case InvocationStatus.FINISHED:
            return DetailStatus.SUCCESS if exit_code == 0 else DetailStatus.FAILED
        case InvocationStatus.FAILED:
            return _failure(error_code, started=started)


def _failure(error_code: str, *, started: bool) -> DetailStatus:
    if error_code == ErrorCode.INSTANCE_DEREGISTERED:
        return DetailStatus.ERROR if started else DetailStatus.ABORTED
    if error_code == ErrorCode.EXECUTION_TIMEOUT:
        return DetailStatus.TIMEOUT
    if error_code in _ABORTED:
        return DetailStatus.ABORTED
    return DetailStatus.INVALID if error_code in _INVALID else DetailStatus.ERROR
