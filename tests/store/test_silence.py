"""When nothing may be concluded from the silence of an instance."""

import pytest
import redis

from cloudassist import topology
from cloudassist.duties.silence import Silence
from support.waiting import wait_until

SETTLE = 1


@pytest.fixture
def clock():
    """The seconds of a clock that the test sets."""
    return [1_000.0]


@pytest.fixture
def silence(ledger, server, clock):
    server.config_resetstat()
    wait_until(lambda: server.info("server")["uptime_in_seconds"] > SETTLE, "the server to have been up for a while")

    def make(settle=0.0):
        return Silence(ledger, settle, lambda: clock[0])

    return make


def fill(server):
    """Have the server refuse one write for want of memory."""
    server.config_set("maxmemory", 1)
    with pytest.raises(redis.ResponseError):
        server.set("token:x", 1, px=1)
    server.config_set("maxmemory", 0)


def test_nothing_waits_and_the_server_is_well(silence):
    assert silence().means_something()


def test_reports_wait_or_were_taken(silence, server):
    judge = silence()
    server.lpush(topology.REPORTS_QUEUE, "x")
    assert not judge.means_something()
    server.delete(topology.REPORTS_QUEUE)
    server.zadd("takers", {"me": 1})
    server.rpush("taken:me", "x")
    assert not judge.means_something()
    server.delete("taken:me")
    assert judge.means_something()


def test_the_server_has_just_started(silence):
    assert not silence(settle=10_000_000).means_something()


def test_a_server_that_was_full_is_given_time(silence, server, clock):
    judge = silence(settle=SETTLE)
    assert judge.means_something()
    fill(server)
    assert not judge.means_something()
    clock[0] += SETTLE / 2
    assert not judge.means_something()
    clock[0] += SETTLE / 2
    assert judge.means_something()


def test_whoever_begins_after_a_server_was_full_waits_as_long(silence, server, clock):
    fill(server)
    judge = silence(settle=SETTLE)
    assert not judge.means_something()
    clock[0] += SETTLE
    assert judge.means_something()
