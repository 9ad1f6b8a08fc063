"""The agent in the background, where no service manager keeps it: started once, and ended with what it runs."""

import os
import subprocess
import sys

import psutil
import pytest

from support.agents import run_soon
from support.processes import alive
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SOON = 20.0


@pytest.fixture
def background(near, tmp_path):
    """Run a verb of an agent in the background; whatever it left is ended."""

    def background(verb, **settings):
        own = {"INSTANCE_ID": "background", "STATE_DIR": str(tmp_path / "state"), **settings}
        variables = {"PATH": os.environ["PATH"], **near.admit("background")}
        variables |= {f"CLOUDASSIST_{name}": value for name, value in own.items()}
        command = [sys.executable, "-m", "cloudassist_agent", verb]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    yield background
    background("stop")


def test_it_is_started_once_serves_and_ends(near, background):
    started = background("start")
    assert started.returncode == 0, started.stderr
    again = background("start")
    assert "is running already" in again.stdout
    (daemon,) = [int(word) for word in started.stdout.split() if word.isdecimal()]
    assert str(daemon) in again.stdout
    (agent,) = psutil.Process(daemon).children()
    with near.assistant() as assistant:
        run_soon(assistant, "background", SOON)
        # A daemon that dies leaves the agent; both are found by what they hold.
        os.kill(daemon, 9)
        wait_until(lambda: not alive(daemon), "the daemon to be gone")
    assert background("stop").stdout == f"stopped process {agent.pid}\n"
    wait_until(lambda: not alive(agent.pid), "the agent to be gone")
    assert background("stop").stdout == "nothing is running\n"


def test_why_it_does_not_come_up_is_told(background):
    failed = background("start", TRUST="")
    assert failed.returncode == 2
    assert "the agent did not come up" in failed.stderr
    assert "no key to trust" in failed.stderr
    assert "Traceback" not in failed.stderr
