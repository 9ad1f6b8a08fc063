"""The celery command line, as a person and as a script use it."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudassist.plugin import VERBS
from support import verbs

pytestmark = pytest.mark.system

PROGRAMS = Path(sys.executable).parent
CELERY = [str(PROGRAMS / "celery"), "-A"]


@pytest.fixture
def celery(stack):
    """Run a celery command as a producer of the shared stack.

    Most verbs go by their own program, which is the same (test_command_line_runs.py) and starts in a tenth of the time.
    """

    def run(first, *arguments, app="cloudassist", text=None, **environment):
        command = [str(PROGRAMS / "cloudassist")] if first == "assist" else [*CELERY, app, first]
        return subprocess.run(
            [*command, *arguments],
            env=os.environ | stack.environment("producer") | environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )

    return run


@pytest.fixture
def remote(celery, stack):
    """Run a celery command as an administrator: no other user may reach Celery's remote control."""
    return lambda *arguments: celery(*arguments, CLOUDASSIST_URL=stack.url)


def test_a_run_shows_a_row_per_instance(celery):
    done = celery(
        "assist", "run", "-i", "web-1", "--instance", "web-2", "-p", "name=world", "echo hello {{name}}; echo 2"
    )
    assert done.returncode == 0, done.stderr
    header, *rows, last = done.stdout.splitlines()
    assert header.split() == ["instance", "status", "exit", "seconds", "output"]
    assert [row.split(maxsplit=4)[:3] for row in rows] == [["web-1", "Finished", "0"], ["web-2", "Finished", "0"]]
    assert all(row.endswith("hello world\\n2") for row in rows)
    assert re.fullmatch(r"t-[0-9a-f]{16} Finished", last)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_a_terminal_gets_colours_and_progress(stack):
    master, slave = pty.openpty()
    command = [*CELERY, "cloudassist", "assist", "run", "-i", "web-1", "sleep 0.3; echo coloured"]
    environment = os.environ | stack.environment("producer") | {"TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen(command, env=environment, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            data = os.read(master, 65_536)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(master)
    assert process.wait(20) == 0
    text = shown.decode()
    assert "coloured" in text
    assert "\x1b[32mFinished" in text
    assert "Running (1 Running)" in text
    assert "│" in text


def test_a_script_can_come_from_standard_input_and_the_answer_be_json(celery):
    done = celery("assist", "run", "-i", "web-1", "--json", "-", text="echo from stdin\nexit 3\n")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    (result,) = document["InvocationResults"]
    assert (document["InvokeStatus"], result["ExitCode"], result["Output"]) == ("Finished", 3, "from stdin\n")


def test_a_run_can_be_left_alone_and_looked_at_later(celery):
    invoke_id = celery("assist", "run", "-i", "web-1", "--no-wait", "sleep 0.5; echo done").stdout.strip()
    assert re.fullmatch(r"t-[0-9a-f]{16}", invoke_id)
    deadline = time.monotonic() + 20
    while "Finished (1 Finished)" not in (shown := celery("assist", "results", invoke_id)).stdout:
        assert time.monotonic() < deadline, shown.stdout
    assert "done" in shown.stdout
    document = json.loads(celery("assist", "results", "--json", invoke_id).stdout)
    assert document["InvocationResults"][0]["Output"] == "done\n"


def test_a_run_can_be_stopped(celery):
    invoke_id = celery("assist", "run", "-i", "web-1", "--no-wait", "sleep 60").stdout.strip()
    stopped = celery("assist", "stop", invoke_id)
    assert re.fullmatch(rf"{invoke_id} Stopp(ed|ing)\n", stopped.stdout)


def test_instances_are_listed(celery):
    shown = celery("assist", "instances")
    assert [row.split()[:2] for row in shown.stdout.splitlines()[1:]] == [[f"web-{n}", "yes"] for n in (1, 2, 3)]
    document = json.loads(celery("assist", "instances", "--json").stdout)
    assert {row["InstanceId"]: row["Connected"] for row in document["Instances"]} == dict.fromkeys(
        ["web-1", "web-2", "web-3"], True
    )


def test_init_makes_the_keys_once(celery, tmp_path):
    own = {"STATE_DIR": tmp_path, "SIGNING_KEY": tmp_path / "signing.key", "TRUST_FILE": tmp_path / "trust"}
    environment = {f"CLOUDASSIST_{name}": str(path) for name, path in own.items()}
    first = celery("assist", "init", "--json", **environment)
    second = celery("assist", "init", "--json", **environment)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert json.loads(first.stdout)["Trust"] == (tmp_path / "trust").read_text().strip()
    for kind in ("root", "signing", "report"):
        assert (tmp_path / f"{kind}.key").read_text().split()[1] not in first.stdout
    text = celery("assist", "init", **environment).stdout
    assert "was there" in text
    assert "CLOUDASSIST_TRUST=root=" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "-i", "nobody", "true"], 2, "InvalidInstance.NotFound: no instance is registered as nobody"),
        (["run", "-i", "web-1", "--type", "Perl", "true"], 2, "'Perl'"),
        (["run", "-i", "web-1", "--timeout", "5", "true"], 2, "from 10 to 86400 seconds; it is 5"),
        (["run", "-i", "web-1", "-p", "novalue", "true"], 2, "NAME=VALUE"),
        (["run", "true"], 2, "--instance"),
        (["run", "-i", "web-1", "--tag", "a=b", "true"], 2, "exclude each other"),
        (["run", "-i", "web-1", "-p", "a=1", "-p", "a=2", "{{a}}"], 2, "gives 'a' twice"),
        (["run", "--tag", "none=such", "true"], 2, "InvalidResourceTag.InstanceNotFound"),
        (["run", "-i", "web-1", "--keep", "true"], 2, "MissingParameter.Name"),
        (["invoke", "c-0", "-i", "web-1"], 2, "InvalidCmdId.NotFound"),
        (["create", "true"], 2, "--name"),
        (["modify", "c-0", "--name", "n"], 2, "InvalidCmdId.NotFound"),
        (["modify", "c-0"], 2, "MissingParameter.Name"),
        (["delete", "c-0"], 2, "InvalidCmdId.NotFound"),
        (["invocations", "--status", "Done"], 2, "'Done'"),
        (["instances", "--tag", "novalue"], 2, "NAME=VALUE"),
        (["run", "-i", "web-1", ""], 2, "command_content is empty"),
        (["results", "t-0"], 2, "InvalidInvokeId.NotFound"),
        (["stop", "t-0"], 2, "InvalidInvokeId.NotFound"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(stack, arguments, code, said):
    done = verbs.run(stack.environment("producer"), *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_server_is_said_within_five_seconds(celery):
    begun = time.monotonic()
    celery("assist", "instances", "--help")
    start = time.monotonic() - begun
    begun = time.monotonic()
    done = celery("assist", "instances", CLOUDASSIST_URL="redis://127.0.0.1:1/0")
    # Beyond what a start takes, which is long where all the other tests run as well.
    assert time.monotonic() - begun < 5 + 2 * start
    assert done.returncode == 75
    (line,) = done.stderr.splitlines()
    assert "no answer from the server at redis://127.0.0.1:1/0" in line
    assert "make up" in line


def test_a_missing_key_is_said(celery, tmp_path):
    done = celery("assist", "run", "-i", "web-1", "true", CLOUDASSIST_SIGNING_KEY=str(tmp_path / "none"))
    assert done.returncode == 1
    assert str(tmp_path / "none") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("app", ["cloudassist", "cloudassist_agent"])
def test_a_worker_without_its_key_says_so(celery, app, tmp_path):
    own = {"STATE_DIR": tmp_path, "REPORT_KEY": tmp_path / "none", "TRUST_FILE": tmp_path / "none"}
    environment = {f"CLOUDASSIST_{name}": str(path) for name, path in own.items()}
    done = celery("worker", app=app, **environment)
    assert done.returncode != 0
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_is_told_by_celery_as_well(celery):
    done = celery("assist", "stop", "t-0")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "InvalidInvokeId.NotFound" in done.stderr


def test_help_shows_every_verb(celery):
    text = celery("assist", "--help").stdout
    for verb, help_line in VERBS.items():
        assert f"  {verb} " in text
        assert help_line[:30] in text


def test_inspect_reaches_agents_and_control_plane(remote, assistant):
    pinged = json.loads(remote("inspect", "ping", "--json").stdout)
    assert {"agent@web-1", "agent@web-2", "agent@web-3"} < pinged.keys()
    assert len(pinged) == 5
    secret = "S3CRET-IN-A-SCRIPT"
    invocation = assistant.run_command(f"sleep 30 # {secret}", instance_ids=["web-1"], parameters={})
    active = remote("inspect", "active", "--json", "-d", "agent@web-1")
    (request,) = json.loads(active.stdout)["agent@web-1"]
    assert request["id"] == f"{invocation.invoke_id}.web-1"
    assert request["name"] == "cloudassist.run"
    for command in ("active", "reserved", "stats", "conf", "report", "query_task"):
        arguments = [f"{invocation.invoke_id}.web-1"] if command == "query_task" else []
        assert secret not in remote("inspect", command, *arguments, "-d", "agent@web-1").stdout
    invocation.stop()
    invocation.wait(timeout=20)


def test_agents_refuse_to_be_changed_by_remote_control(remote, stack, assistant):
    for command in (
        ["shutdown"],
        ["pool_grow", "3"],
        ["add_consumer", "instance.web-2"],
        ["rate_limit", "cloudassist.run", "1/h"],
    ):
        done = remote("control", *command, "-d", "agent@web-1")
        assert "read-only" in done.stdout, command
    assert stack.processes["agent@web-1"].poll() is None
    assert assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20).status == "Finished"
