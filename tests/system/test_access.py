"""The server refuses the agent: a wrong password, a user that is locked out, a right that is taken away."""

import pytest
import redis

from cloudassist import InvokeStatus
from support.agents import agent, run_soon
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SOON = 10.0
"""Seconds within which an agent serves again: 5 promised, and as many for a busy machine."""


@pytest.fixture
def assistant(near):
    with near.assistant() as assistant:
        yield assistant


@pytest.fixture
def server(near):
    with redis.Redis.from_url(near.url) as client:
        yield client


def user(server, near, name, *rules):
    """Set up a user of the server; return the URL with the password that it should have."""
    server.execute_command("ACL", "SETUSER", name, "on", "~*", "&*", "+@all", *rules)
    return f"redis://{name}:right@127.0.0.1:{near.port}/0"


def test_a_wrong_password_is_said_and_waited_for(near, assistant, server, tmp_path):
    url = user(server, near, "wrong", ">other")
    with agent(near, "wrong", tmp_path, url=url, wait=False) as wrong:
        wrong.wait_for("refuses this user: invalid username-password pair")
        assert "right" not in wrong.log
        server.execute_command("ACL", "SETUSER", "wrong", ">right")
        wrong.wait_for("consuming from", SOON)
        assert wrong.log.count("refuses") == 1
        run_soon(assistant, "wrong", SOON)


@pytest.mark.matrix("F42")
def test_a_user_that_is_locked_out_finishes_what_runs_and_keeps_its_result(near, assistant, server, tmp_path):
    url = user(server, near, "locked", ">right")
    with agent(near, "locked", tmp_path, url=url) as locked:
        invocation = assistant.run_command("sleep 2; echo ended", instance_ids=["locked"])
        wait_until(lambda: by_instance(invocation)["locked"].start_time, "the script to start")
        server.execute_command("ACL", "SETUSER", "locked", "off")
        server.client_kill_filter(user="locked")
        locked.wait_for("reports wait: the server at")
        server.execute_command("ACL", "SETUSER", "locked", "on")
        assert invocation.wait(SOON).status is InvokeStatus.FINISHED
        assert by_instance(invocation)["locked"].output == "ended\n"
        run_soon(assistant, "locked", SOON)
        assert locked.log.count("refuses this user") < 6


def test_a_right_that_is_taken_away(near, assistant, server, tmp_path):
    url = user(server, near, "curbed", ">right")
    with agent(near, "curbed", tmp_path, url=url) as curbed:
        server.execute_command("ACL", "SETUSER", "curbed", "-brpop")
        curbed.wait_for("no permissions to run the 'brpop' command", 20)
        server.execute_command("ACL", "SETUSER", "curbed", "+brpop")
        run_soon(assistant, "curbed", SOON)
