"""The agent is killed at every step of a record's way: at most one execution, always an end.

C and S numbers are those of the study of crash points, as the design decides them.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from cloudassist import LocalStack, topology
from support.processes import marked
from support.stacks import FAST, by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = pytest.mark.system

CRASHING = Path(__file__).parents[1] / "support" / "crashing.py"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """Where the scripts' folders are."""
    return tmp_path_factory.mktemp("scripts")


@pytest.fixture(scope="module")
def fast(scripts):
    with LocalStack(instances=1, environment=FAST | {"CLOUDASSIST_EXECUTION_PATH": str(scripts)}) as stack:
        yield stack


@pytest.fixture
def server(fast):
    with redis.Redis.from_url(fast.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def crashing(fast, server, tmp_path):
    """Replace the agent by one that dies at a point; the real one is started again afterwards."""

    def start(point):
        fast.kill("agent@web-1", signal.SIGTERM)
        fast.processes["agent@web-1"].wait(15)
        environment = os.environ | fast.environment("agent", "web-1") | {"CLOUDASSIST_INSTANCE_ID": "web-1"}
        with (tmp_path / "agent.log").open("w") as log:
            process = subprocess.Popen([sys.executable, CRASHING, point], env=environment, stdout=log, stderr=log)
        wait_until(lambda: server.exists(topology.presence_key("web-1")), "the agent that will crash")
        return process

    yield start
    if fast.processes["agent@web-1"].poll() is not None:
        fast.start("agent@web-1")
        fast.wait_ready()


@pytest.mark.matrix("F30", "F31", "F77", "I1", "I2", "I5")
@pytest.mark.parametrize(
    ("point", "ran", "status", "error_code"),
    [
        ("popped", 1, "Finished", ""),  # C1
        ("verified", 1, "Finished", ""),  # C2, C3
        ("claimed", 1, "Finished", ""),  # C4
        ("committed", 0, "Failed", "ExecutionInterrupted"),  # C5: past the commit point nobody can know
        ("prepared", 0, "Failed", "ExecutionInterrupted"),  # S1
        ("spawned", 1, "Failed", "ExecutionInterrupted"),  # C6, S2
        ("noted", 1, "Failed", "ExecutionInterrupted"),  # C7, S3
        ("exited", 1, "Failed", "ExecutionInterrupted"),  # C8, S4
        ("journalled", 1, "Finished", ""),  # C9
        ("unpublished", 1, "Finished", ""),  # C9
        ("published", 1, "Finished", ""),  # C10
    ],
)
def test_killed_at(fast, crashing, scripts, tmp_path, point, ran, status, error_code):
    dying = crashing(point)
    lasting = "sleep 60" if point in {"spawned", "noted"} else "true"
    with fast.assistant() as assistant:
        invocation = assistant.run_command(logging_script(tmp_path, then=lasting), instance_ids=["web-1"])
        assert dying.wait(20) == -signal.SIGKILL
        if point == "spawned":
            wait_until(lambda: runs(tmp_path), "the script, which nobody follows any more, to begin")
        fast.start("agent@web-1")
        invocation.wait(timeout=25)
        result = by_instance(invocation)["web-1"]
        assert (result.status, result.error_code) == (status, error_code)
        assert runs(tmp_path) == [result.record_id] * ran
        assert marked(result.record_id) == set()
        assert list(scripts.iterdir()) == []
        # Whatever comes after it is served.
        assert assistant.run_command("echo on", instance_ids=["web-1"]).wait(timeout=20).status == "Finished"
        assert by_instance(invocation)["web-1"] == result
