"""Flower shows instances as workers and records by their id, and nothing of what a script says."""

import json
import os
import urllib.request

import pytest

from cloudassist import InvokeStatus, LocalStack
from support.stacks import FAST
from support.waiting import wait_until

pytestmark = pytest.mark.system

SECRET = "S3CRET-IN-A-SCRIPT"
VALUE = "V4LUE-OF-A-PARAMETER"


@pytest.fixture(scope="module")
def flower():
    os.environ["FLOWER_UNAUTHENTICATED_API"] = "true"
    try:
        with LocalStack(instances=2, flower=True, environment=FAST) as stack:
            yield stack
    finally:
        del os.environ["FLOWER_UNAUTHENTICATED_API"]


def get(stack, path):
    with urllib.request.urlopen(stack.flower_url + path, timeout=10) as answer:
        return answer.read().decode()


def task(stack, record_id):
    found = json.loads(get(stack, "/api/tasks?limit=1000"))
    return found.get(record_id)


def ended(stack, record_id):
    found = task(stack, record_id)
    return found if found and found["state"] in {"SUCCESS", "FAILURE", "REVOKED"} else None


def test_instances_are_workers(flower):
    def names():
        shown = {row["hostname"]: row["status"] for row in json.loads(get(flower, "/workers?json=1"))["data"]}
        return {"agent@web-1", "agent@web-2"} <= {name for name, alive in shown.items() if alive}

    wait_until(names, "both agents to show as alive")


@pytest.mark.matrix("I9")
def test_records_show_with_their_id_and_their_fate(flower):
    with flower.assistant() as assistant:
        finished = assistant.run_command(
            f"echo {SECRET} {{{{a}}}}; exit 3", instance_ids=["web-1"], parameters={"a": VALUE}
        )
        failed = assistant.run_command(f"# {SECRET}", instance_ids=["web-1"], working_dir="/no/such")
        stopped = assistant.run_command(f"sleep 30 # {SECRET}", instance_ids=["web-1"])
        wait_until(lambda: next(stopped.results()).start_time, "the script to start")
        stopped.stop()
        for invocation in (finished, failed, stopped):
            invocation.wait(timeout=20)
    expected = {finished: "SUCCESS", failed: "FAILURE", stopped: "REVOKED"}
    for invocation, state in expected.items():
        record_id = f"{invocation.invoke_id}.web-1"
        shown = wait_until(lambda record_id=record_id: ended(flower, record_id), f"{record_id} to end in Flower")
        assert (shown["state"], shown["name"], shown["worker"]) == (state, "cloudassist.run", "agent@web-1")
        assert record_id in get(flower, f"/task/{record_id}")
    assert "exit 3" in task(flower, f"{finished.invoke_id}.web-1")["result"]
    pages = ["/workers", "/tasks", "/broker", "/metrics", "/api/tasks?limit=1000", "/api/workers?refresh=1"]
    pages += [f"/task/{invocation.invoke_id}.web-1" for invocation in expected]
    for page in pages:
        text = get(flower, page)
        assert SECRET not in text, page
        assert VALUE not in text, page


@pytest.mark.matrix("F16")
def test_nothing_needs_it(flower):
    flower.kill("flower")
    with flower.assistant() as assistant:
        done = assistant.run_command("true", instance_ids=flower.instance_ids).wait(timeout=20)
    assert done.status is InvokeStatus.FINISHED
