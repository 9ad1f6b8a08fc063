"""One instance floods what all share: others go on, the server keeps its memory, and all is counted."""

import signal
import threading
from collections import Counter

import pytest
import redis

from cloudassist import InvokeStatus, topology
from cloudassist.store import keys, reports
from support.malformed import GOOD
from support.stacks import WAITING_REPORTS, logging_script, runs
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PIPELINE = 500
MESSAGES = 200_000
JUNK = [b"x" * 200, b"{}", str(GOOD).encode()]


def rejected(server):
    return Counter({reason: int(count) for reason, count in server.hgetall(keys.REJECTED_COUNTS).items()})


def flood(url, ended):
    """Push as fast as the server takes it, with an instance's own credential."""
    with redis.Redis.from_url(url) as client:
        for number in range(MESSAGES // PIPELINE):
            with client.pipeline(transaction=False) as pipe:
                for _ in range(PIPELINE):
                    pipe.lpush(topology.REPORTS_QUEUE, JUNK[number % len(JUNK)])
                pipe.execute()
    ended.set()


@pytest.mark.matrix("F55")
def test_a_flood_of_reports_is_bounded_and_others_are_heard(stack, tmp_path):
    ended = threading.Event()
    url = stack.environment("agent", "web-2")["CLOUDASSIST_URL"]
    flooder = threading.Thread(target=flood, args=(url, ended))
    longest, finished = 0, []
    with stack.assistant() as assistant, redis.Redis.from_url(stack.url, decode_responses=True) as server:
        before = rejected(server)
        stack.kill("control-1", signal.SIGSTOP)
        flooder.start()
        try:
            # So that more wait than may: an aggregator that is not held up is faster than this flood.
            wait_until(lambda: server.llen(topology.REPORTS_QUEUE) > 2 * WAITING_REPORTS, "the flood to rise")
        finally:
            stack.kill("control-1", signal.SIGCONT)
        while not ended.is_set():
            run = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"]).wait(30)
            finished.append(run.status)
            longest = max(longest, server.llen(topology.REPORTS_QUEUE))
        flooder.join(10)
        wait_until(lambda: server.llen(topology.REPORTS_QUEUE) == 0, "the flood to be worked off", 60)
        counts = rejected(server) - before
        last = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1", "web-2"]).wait(20)
    assert set(finished) == {InvokeStatus.FINISHED}
    assert last.status is InvokeStatus.FINISHED
    assert len(runs(tmp_path)) == len(set(runs(tmp_path))) == len(finished) + 2
    assert longest < 10 * WAITING_REPORTS
    assert counts[reports.FLOODED] > 0
    # A turn that fails may count what it put aside once more, and reports of the good one may be among the dropped.
    assert sum(counts.values()) == pytest.approx(MESSAGES, rel=0.01)
