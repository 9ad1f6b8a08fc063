"""Celery's own commands look at a fleet; what would change it says what does that instead."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import redis

from cloudassist.embedded import free_port
from support.servers import cut
from support.waiting import wait_until

pytestmark = pytest.mark.system


def celery(stack, role, *words):
    """Give a command as one of the server's users; return the exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "cloudassist", *words],
        env=os.environ | stack.environment(role),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout


def test_whoever_may_look_at_flower_may_ask_who_is_there(stack):
    code, said = celery(stack, "flower", "status", "--timeout", "2")
    assert code == 0
    for name in ("agent@web-1", "agent@web-2", "agent@web-3", "control-1@", "dispatch-1@"):
        assert f"->  {name}" in said


def test_an_agent_says_what_does_instead_what_it_refuses(stack):
    _, said = celery(stack, "admin", "control", "--timeout", "2", "--destination", "agent@web-1", "shutdown")
    assert "refused, remote control is read-only here" in said
    assert "assist quarantine" in said
    assert stack.processes["agent@web-1"].poll() is None


def test_an_order_cannot_be_purged_and_runs(stack, assistant):
    with redis.Redis.from_url(stack.url) as server:
        stack.kill("agent@web-2", signal.SIGSTOP)
        try:
            cut(server)
            run = assistant.run_command("echo kept", instance_ids=["web-2"])
            code, said = celery(stack, "admin", "purge", "-f", "-Q", "instance.web-2")
            assert server.llen("instance.web-2") == 1
        finally:
            stack.kill("agent@web-2", signal.SIGCONT)
    assert code == 1
    assert said.startswith("Error: instance.web-2 is not emptied")
    assert [result.output for result in run.wait(timeout=30).results()] == ["kept\n"]


def test_a_task_cannot_be_called_past_the_signatures(stack):
    code, said = celery(stack, "admin", "call", "cloudassist.run")
    assert (code, said.splitlines()) == (
        1,
        ["Error: cloudassist.run is not sent: orders are signed. `celery -A cloudassist assist run` runs a script"],
    )


def test_every_worker_tells_how_it_is_and_no_password(stack):
    """What it tells of its connection held callables once, so that no worker could answer at all."""
    names = ["agent@web-1", *(f"{role}-1@{socket.gethostname()}" for role in ("control", "dispatch"))]
    for question in ("stats", "conf", "active_queues"):
        # It does not wait longer than for those that are named.
        code, said = celery(stack, "flower", "inspect", question, "-t", "10", "-d", ",".join(names), "--json")
        assert code == 0, said
        answers = json.loads(said)
        assert sorted(answers) == names
        for role in ("agent", "control", "dispatch"):
            password = stack.environment(role, "web-1")["CLOUDASSIST_URL"].split(":")[2].split("@")[0]
            assert password not in said, question
    assert [queue["name"] for queue in answers["agent@web-1"]] == ["instance.web-1"]


def test_events_follow_a_record_and_quote_nothing(stack, assistant, tmp_path):
    command = [sys.executable, "-u", "-m", "celery", "-A", "cloudassist", "events", "--dump"]
    heard = tmp_path / "heard"
    with heard.open("w") as file:
        dump = subprocess.Popen(command, env=os.environ | stack.environment("flower"), stdout=file, stderr=file)
    try:
        wait_until(lambda: "heartbeat" in heard.read_text(), "the first sign of life")
        run = assistant.run_command("echo S3CRET {{a}}; exit 2", instance_ids=["web-1"], parameters={"a": "V4LUE"})
        run.wait(timeout=20)
        wait_until(lambda: "task succeeded" in heard.read_text(), "the record to end")
    finally:
        dump.terminate()
        dump.wait(10)
    text = heard.read_text()
    assert f"cloudassist.run({run.invoke_id}.web-1)" in text
    assert "result=Finished, exit 2" in text
    assert "S3CRET" not in text
    assert "V4LUE" not in text


@pytest.mark.parametrize("words", [("inspect", "ping"), ("purge", "-f"), ("amqp", "queue.purge", "x")])
def test_without_a_server_one_line_says_so(words):
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "cloudassist", *words],
        env=os.environ | {"CLOUDASSIST_URL": f"redis://someone:pw@127.0.0.1:{free_port()}/0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    (line,) = (line for line in done.stdout.splitlines() if not line.startswith("-> connecting"))
    assert done.returncode == 69
    assert line.startswith("Error: ")
    assert "Connection refused" in line
    assert "pw@" not in line
