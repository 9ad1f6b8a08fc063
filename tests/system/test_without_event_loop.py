"""Celery's loop on Windows, which asks the server in turns, here on Linux: the agent does there what it does here."""

import sys
from pathlib import Path

import pytest

from cloudassist import InvokeStatus
from support.agents import agent, run_soon
from support.processes import marked
from support.proxy import proxy
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

TURNS = (sys.executable, str(Path(__file__).parents[1] / "support" / "turns.py"))
SOON = 20.0


@pytest.fixture
def assistant(near):
    with near.assistant() as assistant:
        yield assistant


def test_scripts_run_are_stopped_and_wait_for_a_slot(near, assistant, tmp_path):
    with agent(near, "turns", tmp_path, command=TURNS, CONCURRENCY="1") as running:
        long = assistant.run_command("sleep 60", instance_ids=["turns"])
        wait_until(lambda: by_instance(long)["turns"].start_time, "the script to start")
        waiting = assistant.run_command("echo waited", instance_ids=["turns"])
        long.stop()
        assert long.wait(SOON).status is InvokeStatus.STOPPED
        assert waiting.wait(SOON).status is InvokeStatus.FINISHED
        assert running.term() < 1.5 + 1.0


def test_a_drain_lets_a_script_end_and_hears_its_stop(near, assistant, tmp_path):
    with agent(near, "drained", tmp_path, command=TURNS) as running:
        last = assistant.run_command("sleep 60", instance_ids=["drained"])
        wait_until(lambda: by_instance(last)["drained"].start_time, "the script to start")
        running.process.terminate()
        running.wait_for("draining, 1 scripts are running")
        assert marked(f"{last.invoke_id}.drained")
        last.stop()
        assert last.wait(SOON).status is InvokeStatus.STOPPED
        assert running.process.wait(SOON) == 0


def test_it_comes_back_when_the_server_does(near, assistant, tmp_path):
    with proxy(near.port) as network, agent(near, "comes-back", tmp_path, command=TURNS, url=network.url) as running:
        network.refuse()
        running.wait_for("does not serve")
        network.accept()
        run_soon(assistant, "comes-back", SOON)
        network.freeze()
        run_soon(assistant, "comes-back", 2 * SOON)
