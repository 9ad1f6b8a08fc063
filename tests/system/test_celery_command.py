"""Celery's own commands look at a fleet; what would change it says what does that instead."""

import os
import signal
import subprocess
import sys

import pytest
import redis

from support.servers import cut

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
