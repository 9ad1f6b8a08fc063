"""More than can be done: clear refusals, nothing lost of what was accepted, the right statuses afterwards.

``make soak`` does the same with ten thousand records and a thousand schedules.
"""

from collections import Counter
from datetime import UTC, datetime

import pytest
import redis

from cloudassist import InvokeStatus, LocalStack, topology
from cloudassist.errors import LimitExceededError, ThrottlingError
from cloudassist.store import keys
from support.stacks import FAST, by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

OPEN = 40
"""Records that may be open in the small region."""
SETTLE_SECONDS = 6
"""Seconds in which nothing is concluded from silence, after the small region's server had no memory."""


def size(request, quick, soak):
    """Return how much of something: more of it in ``make soak``."""
    return soak if request.config.getoption("minutes") else quick


@pytest.fixture(scope="module")
def large(request):
    """A region in which one instance may have many records waiting."""
    environment = FAST | {
        "CLOUDASSIST_WAITING_PER_INSTANCE": str(size(request, 600, 10_000)),
        "CLOUDASSIST_CALLS_PER_DAY": "1000000",
        "CLOUDASSIST_DELIVERY_SECONDS": "600",
        "CLOUDASSIST_SILENCE_GRACE_SECONDS": "30",
    }
    with LocalStack(instances=1, environment=environment) as stack:
        yield stack


@pytest.fixture(scope="module")
def small():
    """A region in which few records may be open."""
    environment = FAST | {
        "CLOUDASSIST_OPEN_RECORDS": str(OPEN),
        "CLOUDASSIST_RECURRING_TASKS": "2",
        "CLOUDASSIST_TIMEOUT_MINIMUM_SECONDS": "1",
        "CLOUDASSIST_SERVER_SETTLE_SECONDS": str(SETTLE_SECONDS),
    }
    with LocalStack(instances=2, environment=environment) as stack:
        yield stack


def statuses(assistant, invocations):
    return Counter(assistant.invocation(each.invoke_id).refresh().status for each in invocations)


def test_as_many_records_as_may_wait_for_one_instance(request, large, tmp_path):
    """Those beyond have failed at once; the others all run, each once, or are stopped before they do."""
    few, many, beyond = 100, size(request, 500, 9_900), 20
    with large.assistant() as assistant, redis.Redis.from_url(large.url, decode_responses=True) as server:
        block = [assistant.run_command("sleep 600", instance_ids=["web-1"], timeout=900) for _ in range(10)]
        wait_until(lambda: all(by_instance(each)["web-1"].start_time for each in block), "the instance to be full")
        waiting = [assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"]) for _ in range(few + many)]
        refused = [assistant.run_command("true", instance_ids=["web-1"]) for _ in range(beyond)]
        assert {by_instance(each)["web-1"].error_code for each in refused} == {"TaskConcurrencyLimit"}
        assert server.llen(topology.instance_queue("web-1")) == few + many
        unwanted = waiting[few:] if many < 1_000 else []
        for each in [*unwanted, *block]:
            each.stop()
        for each in [*block, *waiting]:
            each.wait(timeout=300)
        ran = len(waiting) - len(unwanted)
        found = statuses(assistant, waiting)
        assert (found[InvokeStatus.FINISHED], found[InvokeStatus.STOPPED]) == (ran, len(unwanted))
        wait_until(lambda: server.llen(topology.instance_queue("web-1")) == 0, "the queue to be empty")
    assert len(runs(tmp_path)) == len(set(runs(tmp_path))) == ran


def test_a_producer_that_is_faster_than_the_fleet_is_told_when_to_come_again(small, tmp_path):
    accepted, refused = [], []
    with small.assistant() as assistant, redis.Redis.from_url(small.url, decode_responses=True) as server:
        while len(refused) < 3:
            try:
                run = assistant.run_command(logging_script(tmp_path, then="sleep 0.5"), instance_ids=["web-1", "web-2"])
                accepted.append(run)
            except ThrottlingError as error:
                refused.append(error)
                assert server.zcard(keys.OPEN) <= OPEN
        for error in refused:
            assert (error.code, error.status, error.retry_after) == ("Throttling", 429, 5)
            assert f"limit, {OPEN}" in error.message
        # What has been accepted takes its course, and then there is room again.
        assert {run.wait(timeout=60).status for run in accepted} == {InvokeStatus.FINISHED}
        assert assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20).status is InvokeStatus.FINISHED
    assert len(runs(tmp_path)) == len(set(runs(tmp_path))) == 2 * len(accepted)


def test_recurring_tasks_beyond_the_quota_are_refused(small):
    with small.assistant() as assistant:
        tasks = [assistant.run_command("true", instance_ids=["web-1"], frequency="rate(1h)") for _ in range(2)]
        with pytest.raises(LimitExceededError, match="2 recurring tasks go on; the limit is 2") as refused:
            assistant.run_command("true", instance_ids=["web-1"], frequency="rate(1h)")
        assert refused.value.code == "RecurringTask.ExceedQuota"
        for task in tasks:
            task.stop()
        assistant.run_command("true", instance_ids=["web-1"], frequency="rate(1h)").stop()


def test_many_schedules_are_due_at_once(request, large, tmp_path):
    """All in the same second, on an instance that runs ten at a time: none is left out, none runs twice."""
    count = size(request, 100, 1_000)
    with large.assistant() as assistant, redis.Redis.from_url(large.url) as server:
        moment = datetime.fromtimestamp(server.time()[0] + 3 + count // 50, UTC)
        tasks = [
            assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"], frequency=f"at({moment:%F %T})")
            for _ in range(count)
        ]
        assert server.time()[0] < moment.timestamp()
        assert {task.wait(timeout=120).status for task in tasks} == {InvokeStatus.FINISHED}
    assert Counter(name.partition("@")[0] for name in runs(tmp_path)) == {task.invoke_id: 1 for task in tasks}


@pytest.mark.matrix("F6", "I5", "I10")
def test_a_server_without_memory(small, tmp_path):
    """Producers are refused; what runs goes on, is not given up meanwhile, and is told when there is memory again."""
    with small.assistant() as assistant, redis.Redis.from_url(small.url, decode_responses=True) as server:
        wait_until(lambda: server.zcard(keys.OPEN) == 0, "the region to be idle")
        wait_until(
            lambda: server.info("server")["uptime_in_seconds"] > SETTLE_SECONDS, "the server to have settled", 20
        )
        running = assistant.run_command(
            logging_script(tmp_path, then="sleep 1; echo done"), instance_ids=["web-1", "web-2"], timeout=2
        )
        wait_until(lambda: all(each.start_time for each in by_instance(running).values()), "both to start")
        before = planned(server)
        # Timeout, two graces of half a second, and what the clock cuts off.
        deadline = server.time()[0] + 2 + 1 + 1
        server.config_set("maxmemory", 1)
        try:
            for call in (run_on_both, create, recur):
                with pytest.raises(ThrottlingError, match="no memory left") as refused:
                    call(assistant)
                assert (refused.value.code, refused.value.retry_after) == ("Throttling", 5)
            assert planned(server) == before
            presence = topology.presence_key("web-1"), topology.presence_key("web-2")
            wait_until(lambda: server.exists(*presence) == 0, "the instances to count as offline")
            wait_until(lambda: server.time()[0] > deadline, "the scripts to be overdue", 20)
            assert running.refresh().status is InvokeStatus.RUNNING
        finally:
            server.config_set("maxmemory", 0)
        assert running.wait(timeout=30).status is InvokeStatus.FINISHED
        assert {result.output for result in running.results()} == {"done\n"}
        small.wait_ready(30)
        assert run_on_both(assistant).wait(timeout=30).status is InvokeStatus.FINISHED
    assert len(runs(tmp_path)) == len(set(runs(tmp_path))) == 2


def planned(server):
    """Return the keys of all commands and runs."""
    return {key for name in ("command", "invocation", "record", "payload", "token") for key in server.keys(f"{name}:*")}


def run_on_both(assistant):
    return assistant.run_command("true", instance_ids=["web-1", "web-2"])


def create(assistant):
    return assistant.create_command("true", name="kept")


def recur(assistant):
    return assistant.run_command("true", instance_ids=["web-1"], frequency="rate(1h)")
