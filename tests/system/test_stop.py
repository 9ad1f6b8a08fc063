"""Stopping: what waits, what runs, what has ended."""

import random
import time

import pytest

from cloudassist import InvocationStatus, InvokeStatus
from cloudassist.errors import NotFoundError
from support.processes import marked
from support.stacks import logging_script, runs
from support.waiting import wait_until

pytestmark = pytest.mark.system


def statuses(invocation):
    return {result.instance_id: result.status for result in invocation.results()}


def started(invocation):
    return all(result.start_time for result in invocation.results())


def test_a_running_script_is_ended_with_its_children(assistant):
    invocation = assistant.run_command("echo begun; sleep 60 & sleep 60", instance_ids=["web-1"])
    wait_until(lambda: started(invocation), "the script to start")
    invocation.stop()
    assert invocation.wait(timeout=20).status is InvokeStatus.STOPPED
    (result,) = invocation.results()
    # Some shells add a word of their own when their child is ended before they are.
    assert result.output.startswith("begun\n")
    assert (result.exit_code, result.detail_status) == (143, "Terminated")
    assert result.start_time < result.stop_time <= result.finish_time
    assert marked(result.record_id) == set()


@pytest.mark.matrix("F44", "I6")
def test_what_waits_behind_a_full_instance_is_stopped_at_once_and_never_starts(assistant, tmp_path):
    full = [assistant.run_command("sleep 60", instance_ids=["web-1"]) for _ in range(10)]
    wait_until(lambda: all(map(started, full)), "ten scripts to run")
    waiting = assistant.run_command(f"touch {tmp_path}/ran", instance_ids=["web-1"])
    assert statuses(waiting) == {"web-1": InvocationStatus.RUNNING}
    begun = time.monotonic()
    waiting.stop()
    assert waiting.refresh().status is InvokeStatus.STOPPED
    assert time.monotonic() - begun < 1
    (result,) = waiting.results()
    assert (result.detail_status, result.start_time, result.exit_code) == ("Cancelled", None, None)
    for invocation in full:
        invocation.stop()
    for invocation in full:
        assert invocation.wait(timeout=30).status is InvokeStatus.STOPPED
    assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    assert not (tmp_path / "ran").exists()


def test_a_stop_on_some_instances_leaves_the_others(assistant, stack):
    invocation = assistant.run_command("sleep 3", instance_ids=stack.instance_ids)
    invocation.stop(["web-2"])
    wait_until(lambda: statuses(invocation)["web-2"] is InvocationStatus.STOPPED, "the stop on web-2")
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
    assert statuses(invocation) == {"web-1": "Finished", "web-2": "Stopped", "web-3": "Finished"}


def test_stopping_what_has_ended_changes_nothing(assistant):
    invocation = assistant.run_command("echo", instance_ids=["web-1"]).wait(timeout=20)
    before = list(invocation.results())
    invocation.stop()
    invocation.stop(["web-1"])
    assert list(invocation.results()) == before
    assert invocation.refresh().status is InvokeStatus.FINISHED


def test_a_stop_may_be_repeated(assistant):
    invocation = assistant.run_command("trap '' TERM; sleep 2", instance_ids=["web-1"])
    for _ in range(5):
        invocation.stop()
    assert invocation.wait(timeout=20).status is InvokeStatus.STOPPED


def test_an_instance_that_does_not_belong_to_the_run_is_an_error(assistant):
    invocation = assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    with pytest.raises(NotFoundError) as caught:
        invocation.stop(["web-2"])
    assert caught.value.code == "InvalidInstanceId.NotFound"
    assert "web-2" in caught.value.message


@pytest.mark.matrix("F28", "F44")
def test_a_full_instance_refuses_what_is_too_much(assistant):
    runs = [assistant.run_command("sleep 60", instance_ids=["web-3"]) for _ in range(62)]
    outcomes = [next(run.results()) for run in runs]
    assert [outcome.error_code for outcome in outcomes] == [""] * 60 + ["TaskConcurrencyLimit"] * 2
    assert outcomes[-1].status is InvocationStatus.FAILED
    for run in runs:
        run.stop()
    for run in runs[:60]:
        assert run.wait(timeout=30).status is InvokeStatus.STOPPED


@pytest.mark.matrix("F84", "I6")
def test_a_stop_that_races_start_and_end_is_decided_once(assistant, tmp_path):
    """Whatever a stop comes before, or after, the record ends once, and what was cancelled has not run."""
    choice = random.Random(84)
    seen = set()
    for _ in range(60):
        invocation = assistant.run_command(logging_script(tmp_path, then="sleep 0.01"), instance_ids=["web-2"])
        time.sleep(choice.uniform(0, 0.03))
        invocation.stop()
        invocation.wait(timeout=20)
        (result,) = invocation.results()
        seen.add(result.detail_status)
        assert result.detail_status in {"Cancelled", "Terminated", "Success"}
        assert result.detail_status != "Cancelled" or result.record_id not in runs(tmp_path)
        assert result.detail_status != "Success" or result.record_id in runs(tmp_path)
        assert marked(result.record_id) == set()
        assert list(invocation.results()) == [result]
    assert len(seen) > 1, seen


@pytest.mark.matrix("F44")
def test_a_stop_reaches_an_agent_whose_slots_are_all_taken(assistant):
    full = [assistant.run_command("sleep 60", instance_ids=["web-3"]) for _ in range(10)]
    wait_until(lambda: all(map(started, full)), "ten scripts to run")
    for invocation in full:
        invocation.stop()
    for invocation in full:
        assert invocation.wait(timeout=20).status is InvokeStatus.STOPPED
        (result,) = invocation.results()
        assert result.error_info == "2 processes were ended"


def test_a_slow_record_holds_up_no_other(assistant):
    slow = assistant.run_command("trap '' TERM; while :; do sleep 0.1; done", instance_ids=["web-1"])
    wait_until(lambda: started(slow), "the slow script to start")
    slow.stop()
    begun = time.monotonic()
    for _ in range(5):
        assert assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20).status is InvokeStatus.FINISHED
    assert time.monotonic() - begun < 4, "the slow one has a grace of five seconds"
    assert slow.refresh().status is InvokeStatus.STOPPING
    assert slow.wait(timeout=20).status is InvokeStatus.STOPPED
