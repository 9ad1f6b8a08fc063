"""The celery command line, where it keeps commands and looks at what was done."""

import json
import os
import re

import pytest

from support import verbs

pytestmark = pytest.mark.system


@pytest.fixture
def assist(stack):
    """Run a verb of the command line; returns what it prints."""

    def run(*arguments, text=None, code=0):
        environment = stack.environment("producer") | {"CLOUDASSIST_CALLER": "operator@desk"}
        done = verbs.run(environment, *arguments, text=text)
        assert done.returncode == code, done.stderr
        return done.stdout

    return run


def test_a_command_is_kept_run_changed_and_deleted(assist):
    script = "echo hello {{name}}\n"
    command_id = assist("create", "--name", "greet", "--enable-parameter", "-", text=script).strip()
    assert re.fullmatch(r"c-[0-9a-f]{16}", command_id)
    shown = assist("invoke", command_id, "--tag", "role=web", "-p", "name=you")
    assert [row.split()[:3] for row in shown.splitlines()[1:4]] == [[f"web-{n}", "Finished", "0"] for n in (1, 2, 3)]
    assert shown.count("hello you") == 3
    clone_id = assist("clone", command_id, "--timeout", "20", "--script", "exit 4", "--disable-parameter").strip()
    assert "Finished" in assist("invoke", clone_id, "-i", "web-1", code=1)
    document = json.loads(assist("modify", clone_id, "--name", "fails", "--description", "always", "--json"))
    assert (document["Name"], document["Description"], document["Timeout"]) == ("fails", "always", 20)
    assert (document["Version"], document["ClonedFrom"]) == (2, command_id)
    header, *rows = assist("commands", "--name", "*e*").splitlines()
    assert header.split()[:5] == ["command", "name", "type", "version", "timeout"]
    assert [row.split()[1] for row in rows] == ["greet"]
    listed = json.loads(assist("commands", "--id", command_id, "--json"))["Commands"]
    assert [(row["CommandContent"], row["InvokeTimes"], row["Caller"]) for row in listed] == [
        (script, 1, "operator@desk")
    ]
    assert assist("delete", clone_id) == f"{clone_id} is deleted\n"
    assert json.loads(assist("delete", command_id, "--json")) == {"CommandId": command_id}
    assert assist("commands").splitlines()[1:] == []


def test_runs_are_listed_and_filtered(assist):
    document = json.loads(assist("run", "-i", "web-2", "--name", "listed", "--json", "exit 0"))
    invoke_id = document["InvokeId"]
    header, first, *_ = assist("invocations", "-i", "web-2").splitlines()
    assert header.split() == ["run", "status", "instances", "command", "name", "started", "ended", "by"]
    assert first.split()[:5] == [invoke_id, "Finished", "1", document["CommandId"], "listed"]
    assert first.split()[-1] == "operator@desk"
    (row,) = json.loads(assist("invocations", "--id", invoke_id, "--json"))["Invocations"]
    assert (row["InvokeStatus"], row["InvocationStatus"]) == ("Finished", "Success")
    assert len(assist("invocations", "--most", "1").splitlines()) == 2
    assert assist("invocations", "--status", "PartialFailed", "--name", "listed").splitlines()[1:] == []


def test_a_repeated_call_with_a_token_is_one(assist):
    call = ["run", "-i", "web-1", "--client-token", f"token-{os.getpid()}", "--no-wait", "true"]
    assert assist(*call) == assist(*call)


def test_stopping_tells_the_status_also_as_json(assist):
    invoke_id = assist("run", "-i", "web-1", "--no-wait", "sleep 60").strip()
    document = json.loads(assist("stop", invoke_id, "--json"))
    assert document["InvokeId"] == invoke_id
    assert document["InvokeStatus"] in {"Stopping", "Stopped"}


def test_instances_are_filtered(assist):
    assert [row.split()[0] for row in assist("instances", "--name", "*-2", "--online").splitlines()[1:]] == ["web-2"]
    assert assist("instances", "--offline").splitlines()[1:] == []
    rows = json.loads(assist("instances", "--tag", "zone=a", "--json"))["Instances"]
    assert len(rows) == 3
    assert all(row["LastHeartbeatTime"] for row in rows)
    assert rows[0]["InvocationCount"] > 0


def test_the_audit_trail_says_who_did_what(assist):
    invoke_id = assist("run", "-i", "web-1", "-i", "web-2", "--no-wait", "true").strip()
    assist("run", "-i", "nobody", "true", code=2)
    header, refused, done, *_ = assist("audit-trail", "--caller", "operator@*").splitlines()
    assert header.split() == ["time", "who", "what", "outcome", "on", "instances"]
    assert refused.split()[1:4] == ["operator@desk", "RunCommand", "InvalidInstance.NotFound"]
    assert done.split()[2:4] == ["RunCommand", "ok"]
    assert done.split()[-3:] == [invoke_id, "web-1", "web-2"]
    (entry,) = json.loads(assist("audit-trail", "--most", "1", "--json"))["AuditTrail"]
    assert (entry["Operation"], entry["InstanceIds"], entry["InstanceCount"]) == ("RunCommand", ["nobody"], 1)


def test_a_recurring_run_is_begun_listed_and_stopped(assist):
    begun = assist("run", "-i", "web-1", "--name", "beats", "--frequency", "0 0 9 ? * MON-FRI Europe/Berlin", "date")
    task_id = begun.strip()
    assert re.fullmatch(r"t-[0-9a-f]{16}", task_id)
    header, row = assist("schedules").splitlines()
    assert header.split() == ["run", "status", "next", "last", "runs", "missed", "skipped", "instances", "name", "when"]
    assert row.split()[:2] == [task_id, "Scheduled"]
    assert row.endswith("beats  At 09:00 AM, Monday through Friday (Europe/Berlin)")
    document = json.loads(assist("run", "-i", "web-1", "--frequency", "rate(7d)", "--json", "date"))
    assert document["Frequency"] == "rate(7d)"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["NextTime"])
    listed = json.loads(assist("schedules", "--json"))["Invocations"]
    assert [(each["InvokeId"], each["RepeatMode"], each["Timed"]) for each in listed] == [
        (document["InvokeId"], "Period", True),
        (task_id, "Period", True),
    ]
    for each in listed:
        assist("stop", each["InvokeId"])
    assert assist("schedules").splitlines()[1:] == []
    assert [line.split()[1] for line in assist("schedules", "--all", "--most", "2").splitlines()[1:]] == ["Stopped"] * 2
