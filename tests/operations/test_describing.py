"""What the rows say: fields, times, both vocabularies."""

from datetime import UTC, datetime, timedelta

import pytest

from cloudassist.errors import InvalidParameterError

RUN_FIELDS = {
    "InvokeId", "CommandId", "CommandName", "CommandDescription", "CommandType", "CommandContent", "Parameters",
    "Frequency", "RepeatMode", "Timed", "Timeout", "WorkingDir", "Username", "TerminationMode", "CreationTime",
    "InvocationStatus", "InvokeStatus", "InvokeInstances",
}  # fmt: skip
INSTANCE_FIELDS = {
    "InstanceId", "InvocationStatus", "InstanceInvokeStatus", "CreationTime", "StartTime", "FinishTime", "StopTime",
    "UpdateTime", "Repeats", "ExitCode", "Output", "Dropped", "ErrorCode", "ErrorInfo", "Timed",
}  # fmt: skip
RESULT_FIELDS = {
    "InvokeId", "CommandId", "InstanceId", "InvocationStatus", "InvokeRecordStatus", "StartTime", "FinishedTime",
    "StopTime", "Repeats", "ExitCode", "Output", "Dropped", "ErrorCode", "ErrorInfo", "Username",
}  # fmt: skip


@pytest.fixture
def run(assistant):
    return assistant.run_command(
        "echo {{a}}",
        instance_ids=["web-1", "web-2"],
        parameters={"A": 'ü "x"\n'},
        name="shown",
        description="for show",
        timeout=77,
        working_dir="/tmp",
    )


def test_a_run_as_it_goes_on(assistant, region, run):
    def seen():
        (row,) = assistant.describe_invocations()
        return (row.status, row.detail_status, [(one.status, one.detail_status) for one in row.invoke_instances])

    running, pending = ("Running", "Running"), ("Running", "Pending")
    assert seen() == ("Running", "Pending", [pending, pending])
    region.start(run.invoke_id, "web-2")
    region.start(run.invoke_id, "web-2")
    assert seen() == ("Running", "Running", [pending, running])
    region.end(run.invoke_id, "web-1", exit_code=3)
    assert seen() == ("Running", "Running", [("Finished", "Failed"), running])
    region.end(run.invoke_id, "web-2", exit_code=0)
    assert seen() == ("Finished", "PartialFailed", [("Finished", "Failed"), ("Finished", "Success")])


@pytest.mark.parametrize(
    ("ends", "status", "detail"),
    [
        ([("Finished", 0), ("Finished", 0)], "Finished", "Success"),
        ([("Finished", 1), ("Finished", 1)], "Finished", "Failed"),
        ([("Failed", None), ("Finished", 1)], "PartialFailed", "Failed"),
        ([("Failed", None), ("Finished", 0)], "PartialFailed", "PartialFailed"),
        ([("Stopped", 143), ("Finished", 0)], "Finished", "Success"),
        ([("Stopped", 143), ("Finished", 1)], "Finished", "Failed"),
        ([("Stopped", 143), ("Failed", None)], "Failed", "Failed"),
        ([("Stopped", 143), ("Stopped", 143)], "Stopped", "Stopped"),
    ],
)
def test_a_run_that_has_ended(assistant, region, run, ends, status, detail):
    for name, (end, exit_code) in zip(("web-1", "web-2"), ends, strict=True):
        region.end(run.invoke_id, name, end, exit_code=exit_code)
    (row,) = assistant.describe_invocations()
    assert (row.status, row.detail_status) == (status, detail)
    assert row.finish_time is not None


def test_the_row_of_a_run_has_the_fields_of_the_api(assistant, region, run):
    region.end(run.invoke_id, "web-1", output=b"hello", dropped=7)
    (row,) = assistant.describe_invocations(invoke_id=run.invoke_id, include_output=True)
    document = row.model_dump(by_alias=True, mode="json")
    assert document.keys() >= RUN_FIELDS
    assert document["Parameters"] == '{"a":"ü \\"x\\"\\n"}'
    assert (document["CommandName"], document["Timeout"], document["WorkingDir"]) == ("shown", 77, "/tmp")
    first, second = document["InvokeInstances"]
    assert first.keys() >= INSTANCE_FIELDS
    assert (first["Output"], first["Dropped"], first["Repeats"], first["ExitCode"]) == ("hello", 7, 1, 0)
    assert (second["Output"], second["Repeats"], second["ExitCode"], second["StartTime"]) == ("", 0, None, "")


def test_output_is_shown_only_where_it_was_asked_for(assistant, region, run):
    region.end(run.invoke_id, "web-1", output=b"hello")
    assert assistant.describe_invocations()[0].invoke_instances[0].output == ""
    (row,) = assistant.describe_invocations(instance_id="web-1", include_output=True, content_encoding="Base64")
    assert [one.output for one in row.invoke_instances] == ["aGVsbG8="]
    assert row.command_content == "ZWNobyB7e2F9fQ=="


def test_a_result_has_the_fields_of_the_api(assistant, region, run):
    region.end(run.invoke_id, "web-1", output=b"\xff\x00caf\xc3\xa9", exit_code=3)
    plain, encoded = (
        assistant.describe_invocation_results(run.invoke_id, instance_id="web-1", content_encoding=encoding)[0]
        for encoding in ("PlainText", "base64")
    )
    assert plain.output == "\ufffd\x00café"
    assert encoded.output == "/wBjYWbDqQ=="
    assert plain.output_bytes == encoded.output_bytes == b"\xff\x00caf\xc3\xa9"
    document = plain.model_dump(by_alias=True)
    assert document.keys() >= RESULT_FIELDS
    assert (document["ErrorCode"], document["InvocationStatus"]) == ("ExitCodeNonzero", "Failed")


def test_times(assistant, region, run):
    now = datetime.now(UTC)
    run.stop(["web-1"])
    (result,) = assistant.describe_invocation_results(run.invoke_id, instance_id="web-1")
    for moment in (result.creation_time, result.stop_time, result.finish_time, result.update_time):
        assert abs(moment - now) < timedelta(minutes=1)
    assert result.start_time is None
    assert result.detail_status == "Cancelled"


def test_an_instance_counts_what_it_does(assistant, region, run):
    def counts():
        (row,) = assistant.describe_instances(["web-1"])
        return row.invocation_count, row.active_task_count, row.last_invoked_time is not None

    assert counts() == (0, 1, True)
    region.end(run.invoke_id, "web-1")
    assert counts() == (1, 0, True)
    (row,) = assistant.describe_instances(["web-1"])
    assert row.last_heartbeat_time == datetime.fromtimestamp(1_700_000_000, UTC)
    assert row.model_dump(by_alias=True)["Connected"] is True


def test_a_run_once_has_no_history(assistant, run):
    with pytest.raises(InvalidParameterError) as caught:
        assistant.describe_invocation_results(run.invoke_id, include_history=True)
    assert (caught.value.code, caught.value.status) == ("InvalidOperation.RepeatModeUnsupported", 403)
