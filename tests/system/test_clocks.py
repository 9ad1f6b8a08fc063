"""Hosts whose clock is a day off behave as others do: deadlines are judged by the server's clock, timeouts by none."""

import contextlib
import signal
from datetime import UTC, datetime, timedelta

import pytest

from cloudassist import InvocationStatus, InvokeStatus
from support import clocks, verbs
from support.agents import agent, end
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = pytest.mark.system

LATELY = timedelta(minutes=5)

WAYS = {"python": clocks.shifted_by_python} | ({"library": clocks.shifted_by_libfaketime} if clocks.LIBFAKETIME else {})
"""How a clock is made wrong: the library's, where it is installed, is wrong for what the agent starts as well."""
DAYS = {f"{name}-{way}": days for way in WAYS for name, days in (("ahead", 1), ("behind", -1))}


@pytest.mark.matrix("F25", "F26")
def test_a_day_ahead_and_a_day_behind(near, tmp_path):
    """While scripts run, each clock jumps by two days to where the other one was."""
    names = list(DAYS)
    folders = {name: tmp_path / f"site-{name}" for name in names}
    for name, days in DAYS.items():
        clocks.shift(folders[name], days * clocks.DAY)
    wrong = {name: WAYS[name.partition("-")[2]](folders[name]) for name in names}
    with contextlib.ExitStack() as running, near.assistant() as assistant:
        agents = {
            name: running.enter_context(agent(near, name, tmp_path, environment=variables))
            for name, variables in wrong.items()
        }
        done = assistant.run_command("date -u +%Y-%m-%d", instance_ids=names).wait(20)
        assert done.status is InvokeStatus.FINISHED
        for result in done.results():
            assert_lately(result.start_time, result.finish_time)
        today = f"{datetime.now().astimezone():[%Y-%m-%d}"
        assert all(running_agent.log.startswith("[20") for running_agent in agents.values())
        assert not any(running_agent.log.startswith(today) for running_agent in agents.values())
        for instance in assistant.describe_instances(names):
            assert_lately(instance.last_heartbeat_time, instance.registration_time)
        (told,) = [
            line for line in verbs.run(near.environment("admin"), "doctor").stdout.splitlines() if "clock" in line
        ]
        assert told.startswith("bad")
        assert all(name in told for name in names)

        lasts = assistant.run_command("sleep 60", instance_ids=names, timeout=10)
        interrupted = assistant.run_command("sleep 60", instance_ids=names)
        wait_until(lambda: all(result.start_time for result in interrupted.results()), "the scripts to start")
        for name, days in DAYS.items():
            clocks.shift(folders[name], -days * clocks.DAY)
        assert lasts.wait(20).status is InvokeStatus.FAILED
        for result in lasts.results():
            assert (result.status, result.error_code) == (InvocationStatus.FAILED, "ExecutionTimeout"), (
                result.error_info
            )
            assert result.finish_time - result.start_time == timedelta(seconds=10)
            assert_lately(result.finish_time)

        for name, each in agents.items():
            wait_until(lambda each=each: len(dates(each.log)) == 2, f"the log of {name} to tell of the jump")
        for name, variables in wrong.items():
            agents[name].process.send_signal(signal.SIGKILL)
            end(agents[name].process)
            running.enter_context(agent(near, name, tmp_path, environment=variables))
        assert interrupted.wait(20).status is InvokeStatus.FAILED
        for name, result in by_instance(interrupted).items():
            assert result.error_code == "ExecutionInterrupted", name
            assert_lately(result.start_time, result.finish_time)


def dates(log):
    """Return the days on which something was logged."""
    return {line[1:11] for line in log.splitlines() if line.startswith("[20")}


def assert_lately(*moments):
    for moment in moments:
        assert abs(datetime.now(UTC) - moment) < LATELY
