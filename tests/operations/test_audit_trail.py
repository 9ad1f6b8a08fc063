"""Who did what, on which instances, when, and with which outcome."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from cloudassist import limits
from cloudassist.errors import CloudAssistError, ServiceUnavailableError
from cloudassist.store import audit, keys
from cloudassist.store.audit import Act

SECRET = "S3CRET-V4LUE"


def trail(assistant, **filters):
    return [
        (entry.operation, entry.outcome, entry.subject, entry.instance_ids)
        for entry in reversed(list(assistant.describe_audit_trail(**filters, max_results=50).all()))
    ]


def attempt(call, *args, **kwargs):
    with contextlib.suppress(CloudAssistError):
        return call(*args, **kwargs)


def test_every_change_leaves_an_entry(assistant, region):
    command = assistant.create_command("true {{a}}", name="n", enable_parameter=True)
    clone = assistant.clone_command(command.command_id)
    assistant.modify_command(clone.command_id, name="m")
    run = assistant.run_command("true", instance_ids=["web-1", "web-2"])
    invoked = assistant.invoke_command(command.command_id, instance_ids=["web-2"], parameters={"a": SECRET})
    invoked.stop()
    run.stop(["web-1"])
    assistant.delete_command(clone.command_id)
    assert trail(assistant) == [
        ("CreateCommand", "ok", (command.command_id,), ()),
        ("CloneCommand", "ok", (clone.command_id, command.command_id), ()),
        ("ModifyCommand", "ok", (clone.command_id,), ()),
        ("RunCommand", "ok", (run.command_id, run.invoke_id), ("web-1", "web-2")),
        ("InvokeCommand", "ok", (command.command_id, invoked.invoke_id), ("web-2",)),
        ("StopInvocation", "ok", (invoked.invoke_id,), ("web-2",)),
        ("StopInvocation", "ok", (run.invoke_id,), ("web-1",)),
        ("DeleteCommand", "ok", (clone.command_id,), ()),
    ]
    newest = assistant.describe_audit_trail()[0]
    assert newest.caller == "tester@here"
    assert abs(newest.time - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_was_refused_leaves_an_entry_with_the_code(assistant, region):
    with region.assistant(calls_per_day=0, kept_commands=0, caller="mallory") as other:
        attempt(other.create_command, "true", name="n")
        attempt(other.run_command, "true", instance_ids=["web-1"])
        attempt(other.run_command, "true", instance_ids=["nobody"])
        attempt(other.run_command, "true", resource_tags={"a": "b"})
        attempt(other.delete_command, "c-0")
        attempt(other.modify_command, "c-0", name="n")
        attempt(other.stop_invocation, "t-0")
        attempt(other.run_command, "", instance_ids=["web-1"])
    assert [(operation, outcome) for operation, outcome, _, _ in trail(assistant, caller="mallory")] == [
        ("CreateCommand", "CmdCount.ExceedQuota"),
        ("RunCommand", "Invocation.ExceedQuota"),
        ("RunCommand", "InvalidInstance.NotFound"),
        ("RunCommand", "InvalidResourceTag.InstanceNotFound"),
        ("DeleteCommand", "InvalidCmdId.NotFound"),
        ("ModifyCommand", "InvalidCmdId.NotFound"),
        ("StopInvocation", "InvalidInvokeId.NotFound"),
        # What never was a request (an empty script) is the caller's mistake, and nobody else's business.
    ]


def test_a_request_that_is_repeated_is_written_down_once(assistant):
    for _ in range(3):
        assistant.run_command("true", instance_ids=["web-1"], client_token="t")
    assert len(trail(assistant)) == 1


def test_neither_scripts_nor_values_are_in_it(assistant, server):
    assistant.run_command(f"echo {SECRET} {{{{a}}}}", instance_ids=["web-1"], parameters={"a": SECRET}, name="n")
    for _, fields in server.xrange(keys.AUDIT_TRAIL):
        assert SECRET not in str(fields)


def test_an_entry_names_a_hundred_instances_and_counts_the_rest(region):
    names = [f"i-{number:03}" for number in range(150)]
    region.register(names)
    with region.assistant(instances_per_call=150) as assistant:
        run = assistant.run_command("true", instance_ids=names)
        run.stop()
        for entry in assistant.describe_audit_trail():
            assert (entry.instance_ids, entry.instance_count) == (tuple(names[:100]), 150)


def test_it_is_bounded(ledger, server):
    act = Act(caller="me", operation="RunCommand")
    for _ in range(limits.AUDIT_ENTRIES // 1_000 + 2):
        ledger.run([audit.append(act)] * 1_000)
    assert limits.AUDIT_ENTRIES <= server.xlen(keys.AUDIT_TRAIL) < limits.AUDIT_ENTRIES + 1_000


def test_who_did_it_is_kept_where_it_was_done(assistant, region):
    with region.assistant(caller="alice") as alice, region.assistant(caller="bob") as bob:
        command = alice.create_command("true", name="n")
        run = bob.invoke_command(command.command_id, instance_ids=["web-1"])
        alice.stop_invocation(run.invoke_id)
    assert assistant.describe_commands()[0].caller == "alice"
    assert assistant.describe_invocations()[0].caller == "bob"
    (result,) = assistant.describe_invocation_results(run.invoke_id)
    assert result.stopped_by == "alice"


def test_an_outage_is_not_a_refusal(region):
    with region.assistant(url="redis://127.0.0.1:1/0") as assistant, pytest.raises(ServiceUnavailableError):
        assistant.create_command("true", name="n")
