"""One execution of one command on one instance, as the API shows it: within an invocation and as a result."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, computed_field

from cloudassist import ids
from cloudassist.content_encoding import ContentEncoding
from cloudassist.error_code import DetailStatus, ErrorCode, detail_status
from cloudassist.models.base import ApiModel, Time, api_time, moment
from cloudassist.status import TERMINAL, InvocationStatus


class InvocationResult(ApiModel):
    """What became of one record (API a.7). Times are UTC by the server's clock; None where it has not come to that.

    ``output`` is what was kept of the output, written as the ContentEncoding that was asked for; ``output_bytes`` are
    its bytes, ``dropped`` counts those that were not kept. While the script runs it is the last of what is known of its
    output, and ``output_start`` the number of bytes before that. ``stopped_by`` is the caller of the stop.

    The instance of a record that failed for its silence may come back and tell how the script ended. That is in
    ``late_…`` then, and its output in ``output``; the status stays.
    """

    record_id: str
    invoke_id: str
    command_id: str
    instance_id: str
    status: InvocationStatus = Field(alias="InvokeRecordStatus")
    exit_code: int | None = None
    output_bytes: bytes = Field(default=b"", exclude=True, repr=False)
    output_start: int = Field(default=0, exclude=True, repr=False)
    content_encoding: ContentEncoding = Field(default=ContentEncoding.PLAIN_TEXT, exclude=True, repr=False)
    dropped: int = 0
    error_code: str = ""
    error_info: str = ""
    repeats: int = 0
    username: str = ""
    stopped_by: str = ""
    creation_time: Time = None
    start_time: Time = None
    finish_time: Time = None
    stop_time: Time = None
    update_time: Time = None
    late_status: InvocationStatus | None = None
    late_exit_code: int | None = None
    late_error_code: str = ""
    late_error_info: str = ""
    late_time: Time = None

    @computed_field(alias="Output")  # type: ignore[prop-decorator]
    @property
    def output(self) -> str:
        """Return the kept output as text; bytes that are not UTF-8 are replaced."""
        return self.content_encoding.write(self.output_bytes)

    @computed_field(alias="InvocationStatus")  # type: ignore[prop-decorator]
    @property
    def detail_status(self) -> DetailStatus:
        """Return the status in the newer vocabulary of the API."""
        return detail_status(
            self.status,
            error_code=self.error_code,
            exit_code=self.exit_code,
            started=self.start_time is not None,
        )

    @computed_field(alias="FinishedTime")  # type: ignore[prop-decorator]
    @property
    def finished_time(self) -> str:
        """Return the finish time once more: the API spells it both ways."""
        return api_time(self.finish_time)

    @property
    def duration_seconds(self) -> float | None:
        """Return how long the script ran, None where it did not."""
        if self.start_time is None or self.finish_time is None:
            return None
        return (self.finish_time - self.start_time).total_seconds()

    @classmethod
    def of(
        cls,
        record_id: str,
        invocation: Mapping[str, str],
        record: Mapping[str, str],
        output: bytes = b"",
        encoding: ContentEncoding = ContentEncoding.PLAIN_TEXT,
    ) -> Self:
        """Build the result from what the ledger holds."""
        invoke_id, instance_id = ids.split_record_id(record_id)
        status = InvocationStatus(record["status"])
        exit_code = _number(record, "exit_code")
        error_code = record.get("error_code", "")
        if not error_code and status is InvocationStatus.FINISHED and exit_code:
            error_code = ErrorCode.EXIT_CODE_NONZERO
        return cls(
            record_id=record_id,
            invoke_id=ids.task_of(invoke_id),
            command_id=invocation["command_id"],
            instance_id=instance_id,
            status=status,
            exit_code=exit_code,
            output_bytes=output,
            output_start=int(record.get("output_start", 0)),
            content_encoding=encoding,
            dropped=int(record.get("dropped", 0)),
            error_code=error_code,
            error_info=record.get("error_info", ""),
            repeats=1 if "start_time" in record else 0,
            username=invocation["username"],
            stopped_by=record.get("stopped_by", ""),
            creation_time=moment(invocation["creation_time"]),
            start_time=moment(record.get("start_time")),
            finish_time=moment(record.get("finish_time")),
            stop_time=moment(record.get("stop_time")),
            update_time=moment(record.get("update_time")),
            late_status=InvocationStatus(record["late_status"]) if "late_status" in record else None,
            late_exit_code=_number(record, "late_exit_code"),
            late_error_code=record.get("late_error_code", ""),
            late_error_info=record.get("late_error_info", ""),
            late_time=moment(record.get("late_time")),
        )


class InvokeInstance(ApiModel):
    """How one instance of an invocation stands (API a.6). ``output`` is there only where it was asked for."""

    instance_id: str
    status: InvocationStatus = Field(alias="InstanceInvokeStatus")
    detail_status: DetailStatus = Field(alias="InvocationStatus")
    creation_time: Time = None
    start_time: Time = None
    finish_time: Time = None
    stop_time: Time = None
    update_time: Time = None
    repeats: int
    exit_code: int | None = None
    output: str = ""
    dropped: int = 0
    error_code: str = ""
    error_info: str = ""
    timed: bool = False

    @classmethod
    def of_result(cls, result: InvocationResult) -> Self:
        """Build it from the result of its last execution."""
        names = cls.model_fields.keys() - {"timed"}
        return cls(**{name: getattr(result, name) for name in names})

    @classmethod
    def of_task(cls, instance_id: str, status: InvocationStatus, repeats: int, last: InvocationResult | None) -> Self:
        """Build it of an instance of a recurring task, from the result of its last execution, if there is one."""
        of_task = {
            "status": status,
            "detail_status": _detail_of_task(status, repeats, last),
            "repeats": repeats,
            "timed": status is InvocationStatus.RUNNING,
        }
        if last is not None:
            return cls.of_result(last).model_copy(update=of_task)
        return cls(instance_id=instance_id, **of_task)


def _number(record: Mapping[str, str], name: str) -> int | None:
    return int(record[name]) if name in record else None


def _detail_of_task(status: InvocationStatus, repeats: int, last: InvocationResult | None) -> DetailStatus:
    """Return the newer status of an instance of a recurring task; one that ended by itself ended as its last record."""
    if status is InvocationStatus.RUNNING:
        return DetailStatus.SCHEDULED if last is None or last.status in TERMINAL else DetailStatus.RUNNING
    if last is not None and last.status is status:
        return last.detail_status
    return detail_status(status, error_code="", exit_code=None, started=repeats > 0)
