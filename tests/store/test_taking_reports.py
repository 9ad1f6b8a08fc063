"""Reports are taken, applied, and only then removed."""

import pytest

from cloudassist import limits, topology
from cloudassist.store import keys, reports


def push(server, count, start=0):
    """Push messages as instances do: the newest on the left."""
    for number in range(start, start + count):
        server.lpush(topology.REPORTS_QUEUE, f"m{number}")


def take(ledger, taker, done=0):
    return [message.decode() for message in ledger.call(reports.take(taker, done)).messages]


def test_reports_come_oldest_first_and_again_until_they_are_done(ledger, server):
    push(server, 3)
    assert take(ledger, "a") == ["m0", "m1", "m2"]
    assert take(ledger, "a") == ["m0", "m1", "m2"]
    push(server, 1, start=3)
    assert take(ledger, "a", done=3) == ["m3"]
    assert take(ledger, "a", done=1) == []
    assert server.llen(topology.REPORTS_QUEUE) == server.llen(keys.taken("a")) == 0


def test_no_more_than_a_batch_is_taken(ledger, server):
    push(server, limits.REPORTS_PER_TAKE + 20)
    batch = take(ledger, "a")
    assert len(batch) == limits.REPORTS_PER_TAKE
    assert take(ledger, "a", done=len(batch)) == [f"m{limits.REPORTS_PER_TAKE + number}" for number in range(20)]


def test_large_reports_are_taken_in_smaller_batches(ledger, server):
    size = reports.TAKE_BYTES // 2 + 1
    for _ in range(3):
        server.lpush(topology.REPORTS_QUEUE, b"x" * size)
    assert len(ledger.call(reports.take("a", 0)).messages) == 2
    assert len(ledger.call(reports.take("a", 2)).messages) == 1


@pytest.mark.matrix("F12")
def test_two_aggregators_take_different_reports(ledger, server):
    assert take(ledger, "a") == take(ledger, "b") == []
    push(server, limits.REPORTS_PER_TAKE + 3)
    one, two = take(ledger, "a"), take(ledger, "b")
    assert len(two) == 3
    assert not set(one) & set(two)


def test_who_is_alone_takes_all_at_once_and_applies_it_in_batches(ledger, server):
    push(server, 2 * limits.REPORTS_PER_TAKE + 5)
    first = ledger.call(reports.take("a", 0))
    assert (len(first.messages), first.left) == (limits.REPORTS_PER_TAKE, limits.REPORTS_PER_TAKE + 5)
    assert server.llen(topology.REPORTS_QUEUE) == 0
    assert take(ledger, "b") == []
    push(server, 1, start=10_000)
    rest = [*take(ledger, "a", done=limits.REPORTS_PER_TAKE), *take(ledger, "a", done=limits.REPORTS_PER_TAKE)]
    assert [message.decode() for message in first.messages] + rest == [
        f"m{number}" for number in range(2 * limits.REPORTS_PER_TAKE + 5)
    ]
    assert take(ledger, "a", done=5) == ["m10000"]


def test_waiting_takes_one_at_once(ledger, server):
    push(server, 2)
    assert ledger.call(reports.wait_for_one("a", 1)) == b"m0"
    assert take(ledger, "a", done=1) == ["m1"]
    assert ledger.call(reports.wait_for_one("b", 0.01)) is None


@pytest.mark.matrix("F13")
def test_the_living_keep_what_they_took_and_the_dead_are_inherited(ledger, server):
    push(server, 4)
    assert len(take(ledger, "dead")) == 4
    assert ledger.call(reports.adopt("dead", "heir", 60_000)) == -1
    server.zadd(keys.TAKERS, {"dead": 0})
    push(server, 1, start=4)
    assert take(ledger, "heir") == ["m4"]
    assert ledger.call(reports.adopt("dead", "heir", 60_000)) == 0
    assert take(ledger, "heir", done=1) == []
    assert ledger.call(reports.adopt("dead", "heir", 60_000)) == 4
    assert take(ledger, "heir") == ["m0", "m1", "m2", "m3"]
    assert ledger.call(reports.takers()) == ["heir"]
    # It was only slow: what it says it has done is no longer in its hands, and nothing else is removed.
    assert take(ledger, "dead", done=4) == []
    assert take(ledger, "heir") == ["m0", "m1", "m2", "m3"]


def test_an_aggregator_that_stops_leaves_nothing(ledger, server):
    push(server, 2)
    take(ledger, "a")
    assert ledger.call(reports.retire("a", 2, 60_000)) == 0
    assert server.keys("taken:*") == []
    assert ledger.call(reports.takers()) == []


def test_what_one_that_stops_has_not_applied_is_adopted_at_once(ledger, server):
    push(server, limits.REPORTS_PER_TAKE + 2)
    take(ledger, "a")
    assert ledger.call(reports.retire("a", limits.REPORTS_PER_TAKE, 60_000)) == 2
    assert ledger.call(reports.adopt("a", "heir", 60_000)) == 2
    assert take(ledger, "heir") == [f"m{limits.REPORTS_PER_TAKE}", f"m{limits.REPORTS_PER_TAKE + 1}"]
    assert ledger.call(reports.takers()) == ["heir"]


def test_the_backlog_counts_what_waits_and_what_is_taken(ledger, server):
    push(server, 3)
    take(ledger, "a")
    push(server, 2, start=3)
    assert ledger.run(reports.backlog(ledger.call(reports.takers()))) == [2, 3]


@pytest.mark.parametrize("message", [b"", b"\xff\xfe", b"x" * 100_000])
def test_what_is_put_aside_is_counted_and_bounded(ledger, server, message):
    for _ in range(limits.REJECTED_MESSAGES + 5):
        ledger.run(reports.put_aside([(message, "not-json")]))
    assert server.llen(keys.REJECTED) == limits.REJECTED_MESSAGES
    assert server.hgetall(keys.REJECTED_COUNTS) == {"not-json": str(limits.REJECTED_MESSAGES + 5)}
    assert len(server.lindex(keys.REJECTED, 0)) < 4_000


@pytest.mark.matrix("F55")
def test_of_more_reports_than_may_wait_the_newest_are_dropped_and_counted(ledger, server):
    """One instance must not fill the server."""
    push(server, limits.REPORTS_PER_TAKE + 3_000)
    first = ledger.call(reports.take("a", 0, waiting=1_000))
    assert first.messages[0] == b"m0"
    assert first.left == 1_000
    assert server.lindex(keys.taken("a"), 0) == f"m{limits.REPORTS_PER_TAKE + 999}"
    assert server.hget(keys.REJECTED_COUNTS, reports.FLOODED) == "2000"


def test_of_large_reports_fewer_may_wait(ledger, server):
    size, room = 64 * 1024, 32 * 1024 * 1024
    with server.pipeline(transaction=False) as pipe:
        for number in range(1_600):
            pipe.lpush(topology.REPORTS_QUEUE, f"{number:07}" + "x" * (size - 7))
        pipe.execute()
    first = ledger.call(reports.take("a", 0, waiting_bytes=room))
    assert first.messages[0].startswith(b"0000000")
    assert len(first.messages) + first.left == pytest.approx(room // size + limits.REPORTS_PER_TAKE, abs=1)
    assert len(first.messages) + first.left + int(server.hget(keys.REJECTED_COUNTS, "flooded")) == 1_600
