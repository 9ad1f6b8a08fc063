"""From an outcome to what is said of it: the reports of one record."""

from cloudassist import ids
from cloudassist.messages import FINAL_SEQUENCE, Report
from cloudassist.status import InvocationStatus
from cloudassist_agent.executor import Outcome

STARTED_SEQUENCE = 1
"""Sequence number of the report that a script has started."""


def started(record_id: str, at: int) -> Report:
    """Return the report that a script has started; ``at`` is milliseconds of the server's clock."""
    _, instance_id = ids.split_record_id(record_id)
    return Report(instance_id, record_id, STARTED_SEQUENCE, InvocationStatus.RUNNING, start_time=at)


def output(record_id: str, sequence: int, started_at: int, position: int, data: bytes) -> Report:
    """Return the report of what a script has written: ``data``, of which the first byte is the one at ``position``."""
    _, instance_id = ids.split_record_id(record_id)
    return Report(
        instance_id,
        record_id,
        sequence,
        InvocationStatus.RUNNING,
        start_time=started_at,
        position=position,
        output=data,
    )


def ended(record_id: str, outcome: Outcome, *, at: int, start_time: int | None) -> Report:
    """Return the last report of a record.

    ``start_time`` is when the script started, None where it did not; ``at`` is the time now, which is the end of what
    has no duration.
    """
    _, instance_id = ids.split_record_id(record_id)
    finish_time = at
    if start_time is not None and outcome.seconds is not None:
        finish_time = start_time + round(1000 * outcome.seconds)
    return Report(
        instance_id,
        record_id,
        FINAL_SEQUENCE,
        outcome.status,
        start_time=start_time,
        finish_time=finish_time,
        exit_code=outcome.exit_code,
        error_code=outcome.error_code,
        error_info=outcome.error_info,
        output=outcome.output,
        dropped=outcome.dropped,
        ended=outcome.toll.ended,
        killed=outcome.toll.killed,
    )


def outcome(last: Report) -> Outcome:
    """Return what a last report says became of its record, without the output."""
    seconds = None
    if last.start_time is not None and last.finish_time is not None:
        seconds = (last.finish_time - last.start_time) / 1000
    return Outcome(last.status, seconds, last.exit_code, last.error_code, last.error_info)
