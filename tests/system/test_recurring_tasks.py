"""Recurring tasks on real processes: beats that die, a server that restarts, ends and stops."""

import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from cloudassist import InvocationStatus, InvokeStatus, LocalStack
from support import clocks
from support.stacks import by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

INTERVAL_MS = 10_000
ROLES = {"control": "control-1", "dispatch": "dispatch-1", "beat": "cloudassist_beat"}


def soon(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("at(%Y-%m-%d %H:%M:%S)")


def moments(folder, task):
    """Return the moments of the records that have really run on web-1."""
    return sorted(int(run.partition("@")[2].partition(".")[0]) for run in runs(folder) if run.endswith("web-1"))


def set_clocks(folder, **hours):
    """Set the clocks of roles: each so many hours off."""
    for role, number in hours.items():
        clocks.shift(folder / ROLES[role], 3_600 * number)


def clock_of(stack, name):
    """Return the moment that a process wrote in its log last."""
    lines = (stack.data_dir / "logs" / f"{name}.log").read_text().splitlines()
    return datetime.fromisoformat(next(line[1:20] for line in reversed(lines) if line.startswith("[20")))


@pytest.mark.matrix("F9", "F10", "F11", "F27")
def test_whatever_dies_each_moment_runs_once(tmp_path):
    """Two beats, one of them killed; then dispatch, the control plane, and the server. No two clocks agree, or stay."""
    wrong = clocks.roles_shifted_by_python(tmp_path / "clocks", *ROLES.values())
    set_clocks(tmp_path / "clocks", control=1, dispatch=-1, beat=1)
    with (
        LocalStack(instances=2, beats=2, data_dir=tmp_path / "run", environment=wrong) as stack,
        stack.assistant() as assistant,
    ):
        task = assistant.run_command(
            logging_script(tmp_path), instance_ids=stack.instance_ids, frequency="rate(10s)", timeout=30
        )

        def wait_for(count):
            wait_until(lambda: len(moments(tmp_path, task)) >= count, f"{count} runs", 40)

        wait_for(1)
        for name in ("control-1", "dispatch-1", "beat-1", "beat-2"):
            assert abs(clock_of(stack, name) - datetime.now()) > timedelta(minutes=50), name  # noqa: DTZ005 - as logged
        set_clocks(tmp_path / "clocks", control=-1, dispatch=1, beat=-1)
        stack.kill("beat-1")
        wait_for(2)
        for name in ("dispatch-1", "control-1", "beat-2"):
            stack.kill(name)
            stack.start(name)
        wait_for(3)
        set_clocks(tmp_path / "clocks", beat=1)
        stack.kill("server", signal.SIGKILL)
        stack.processes["server"].wait(20)
        stack.start("server")
        stack.start("beat-1")
        wait_for(4)
        task.stop()
        assert task.wait(20).status is InvokeStatus.STOPPED
        stack.kill("beat-2", signal.SIGTERM)
        assert stack.processes["beat-2"].wait(20) == 0
        found = moments(tmp_path, task)
        assert Counter(runs(tmp_path)).most_common(1)[0][1] == 1
        assert {later - earlier for earlier, later in pairwise(found)} == {INTERVAL_MS}
        (row,) = assistant.describe_invocations(invoke_id=task.invoke_id)
        assert (row.runs, row.missed, row.skipped) == (len(found), 0, 0)
        history = assistant.describe_invocation_results(task.invoke_id, include_history=True, instance_id="web-1")
        assert {result.status for result in history} == {InvocationStatus.FINISHED}
        assert [result.record_id for result in history] == [f"{task.invoke_id}@{due}.web-1" for due in reversed(found)]


def test_a_moment_that_comes_once_ends_the_task(assistant, stack):
    task = assistant.run_command("echo came", instance_ids=["web-1"], frequency=soon(2))
    assert task.wait(30).status is InvokeStatus.FINISHED
    assert by_instance(task)["web-1"].output == "came\n"


def test_a_stop_ends_what_runs_and_what_is_to_come(assistant, stack):
    task = assistant.run_command("sleep 60", instance_ids=["web-1", "web-2"], frequency=soon(2), timeout=90)
    wait_until(lambda: len(by_instance(task)) == 2 and all(r.start_time for r in task.results()), "both to start", 30)
    task.stop(["web-1"])
    wait_until(lambda: by_instance(task)["web-1"].status == "Stopped", "the stop")
    assert task.refresh().status is InvokeStatus.RUNNING
    task.stop()
    assert task.wait(20).status is InvokeStatus.STOPPED


def test_output_is_followed_from_run_to_run(assistant, stack):
    task = assistant.run_command("echo one; sleep 0.2; echo two", instance_ids=["web-1"], frequency=soon(2))
    assert b"".join(piece.data for piece in task.tail(30)) == b"one\ntwo\n"
