"""The audit finds whatever is wrong in the ledger, puts it right where that can be, and nothing else."""

import json

import pytest

from cloudassist import ids, topology
from cloudassist.audit import Kind, counters, findings, places
from cloudassist.messages import FINAL_SEQUENCE, Report
from cloudassist.settings import Settings
from cloudassist.status import InvocationStatus
from cloudassist.store import books, keys, reports
from cloudassist.store.books import Place
from support.ledgers import plan_run

NAMES = ["web-1", "web-2", "web-3", "off-1"]
LONG_AGO = 1_000


@pytest.fixture
def run(ledger, server):
    """A run of which one record waits, one runs, one has finished with an exit code, and one failed at once."""
    run = plan_run(ledger, server, NAMES, online=NAMES[:3])
    report(ledger, run.record_ids[1], 1, InvocationStatus.RUNNING, start_time=1)
    report(ledger, run.record_ids[2], FINAL_SEQUENCE, InvocationStatus.FINISHED, start_time=1, exit_code=3)
    server.delete(*server.keys("presence.*"))
    return run


def report(ledger, record_id, sequence, status, **fields):
    said = Report(ids.split_record_id(record_id)[1], record_id, sequence, status, **fields)
    ledger.call(reports.apply([said], retention_ms=60_000, watch_ms=60_000))


def audit(ledger, *, repair=False):
    return list(findings(ledger, Settings(), repair=repair))


def test_right_books_have_no_findings(ledger, run):
    assert audit(ledger) == audit(ledger, repair=True) == audit(ledger) == []


def end(ledger, record_id):
    report(ledger, record_id, FINAL_SEQUENCE, InvocationStatus.FINISHED, start_time=1, exit_code=0)


def order_of(record_id, tag=""):
    return json.dumps({"headers": {"id": record_id}, "properties": {"delivery_tag": tag}})


def entry(record_id):
    return f"{ids.split_record_id(record_id)[1]}/{record_id}"


DAMAGES = {
    "a counter too high": (
        Kind.COUNTER, "n.Finished is 5 and should be 1",
        lambda server, run: server.hincrby(keys.invocation(run.invoke_id), "n.Finished", 4),
    ),
    "a counter that is gone": (
        Kind.COUNTER, "n.pending is 0 and should be 1",
        lambda server, run: server.hdel(keys.invocation(run.invoke_id), "n.pending"),
    ),
    "a record that nobody looks at": (
        Kind.PLACE, "it is Running, and not looked at by the sweeper",
        lambda server, run: server.zrem(keys.DUE, run.record_ids[0]),
    ),
    "an open record that is not among them": (
        Kind.PLACE, "it is Running, and not among the open ones",
        lambda server, run: server.zrem(keys.OPEN, entry(run.record_ids[1])),
    ),
    "an ended record among the open ones": (
        Kind.PLACE, "it is Finished, and among the open ones and looked at by the sweeper",
        lambda server, run: (
            server.zadd(keys.OPEN, {entry(run.record_ids[2]): 0}), server.zadd(keys.DUE, {run.record_ids[2]: 9e15}),
        ),
    ),
    "a record that is gone": (
        Kind.PLACE, "it is gone, and looked at by the sweeper",
        lambda server, _: server.zadd(keys.DUE, {"t-gone.web-1": 9e15}),
    ),
    "an order that lies twice in its queue": (
        Kind.PLACE, "its order lies 2 times in instance.web-1",
        lambda server, run: server.lpush("instance.web-1", *[order_of(run.record_ids[0])] * 2),
    ),
    "an order that was written twice": (
        Kind.PLACE, "its order lies 3 times in instance.web-1",
        lambda server, run: server.lpush(
            "instance.web-1", *[order_of(run.record_ids[0])] * 2, order_of(run.record_ids[0], "again")
        ),
    ),
    "an order in the queue of another instance": (
        Kind.PLACE, "its order lies in instance.web-2",
        lambda server, run: server.lpush("instance.web-2", order_of(run.record_ids[0])),
    ),
    "the bytes of what is kept": (
        Kind.COUNTER, "it is 7 and should be 0",
        lambda server, _: server.set(keys.KEPT_BYTES, 7),
    ),
    "a record that will stay": (
        Kind.LIFETIME, "it has no lifetime and is not meant to stay",
        lambda server, run: server.persist(keys.record(run.record_ids[0])),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_wrong_is_found_and_put_right(ledger, server, run, name):
    kind, what, damage = DAMAGES[name]
    damage(server, run)
    assert [(found.kind, found.what, found.repaired) for found in audit(ledger)] == [(kind, what, False)]
    assert [(found.kind, found.what, found.repaired) for found in audit(ledger, repair=True)] == [(kind, what, True)]
    assert audit(ledger) == []


def test_of_an_order_that_lies_twice_the_oldest_stays(ledger, server, run):
    first, second = order_of(run.record_ids[0], "first"), order_of(run.record_ids[0], "second")
    server.lpush("instance.web-1", first, second, first)
    audit(ledger, repair=True)
    assert server.lrange("instance.web-1", 0, -1) == [first]


def test_what_is_no_order_is_left_to_its_agent(ledger, server, run):
    texts = "x", "[]", '{"headers": {"id": 5}}', '{"headers": {"id": "x"}}', '{"headers": {"id": []}}'
    server.lpush("instance.web-1", *texts)
    assert audit(ledger, repair=True) == []
    assert server.llen("instance.web-1") == len(texts)


def test_counters_that_kept_a_run_from_ending_end_it_when_they_are_put_right(ledger, server, run):
    server.hincrby(keys.invocation(run.invoke_id), "n.Running", 1)
    for record_id in run.record_ids[:2]:
        end(ledger, record_id)
    assert not server.hexists(keys.invocation(run.invoke_id), "finish_time")
    assert [found.kind for found in audit(ledger, repair=True)] == [Kind.COUNTER]
    assert server.hexists(keys.invocation(run.invoke_id), "finish_time")
    assert server.zscore(keys.FINISHED, run.invoke_id)
    assert audit(ledger) == []


def test_what_nobody_sees_to_is_told_and_left(ledger, server, run):
    server.zadd(keys.DUE, {run.record_ids[0]: LONG_AGO}, xx=True)
    server.zadd(keys.CLAIMED, {"t-1@5": LONG_AGO})
    server.rpush(keys.taken("dead"), "report", "report")
    found = audit(ledger, repair=True)
    assert [(each.kind, each.where, each.repaired) for each in found] == [
        (Kind.UNATTENDED, name, False) for name in (keys.DUE, keys.CLAIMED, keys.taken("dead"))
    ]
    assert "2 reports" in found[-1].what


def test_what_a_living_aggregator_has_taken_is_seen_to(ledger, server, run):
    server.rpush(topology.REPORTS_QUEUE, "report")
    ledger.call(reports.take("alive", 0))
    assert audit(ledger) == []


@pytest.mark.parametrize(("name", "what"), [("stranger", "knows nothing"), ("known:web-9", "should be a hash")])
def test_a_key_that_is_not_ours_is_told_and_left(ledger, server, run, name, what):
    server.set(name, "x")
    (found,) = audit(ledger, repair=True)
    assert (found.kind, found.where, found.repaired) == (Kind.UNKNOWN_KEY, name, False)
    assert what in found.what
    assert server.exists(name)


def test_a_finding_that_cannot_be_put_right_since_it_changed_is_told(ledger, server, run):
    assert not ledger.call(books.mend_counts(run.invoke_id, [("n.Finished", 7, 1)], 1_000))
    assert server.hget(keys.invocation(run.invoke_id), "n.Finished") == "1"


@pytest.mark.parametrize(
    ("status", "is_open", "is_looked_at", "right"),
    [
        ("Running", True, True, True), ("Stopping", True, True, True), ("Finished", False, False, True),
        ("", False, False, True), ("Running", False, False, False), ("Stopping", True, False, False),
        ("Stopped", True, False, False), ("Failed", False, True, False), ("", True, True, False),
    ],
)  # fmt: skip
def test_where_a_record_belongs(status, is_open, is_looked_at, right):
    assert (places.wrong(Place(status, is_open, is_looked_at)) == "") is right


def test_a_recount():
    records = [
        {"status": "Running"},
        {"status": "Running", "start_time": "1"},
        {"status": "Stopping"},
        {"status": "Finished", "exit_code": "0"},
        {"status": "Finished", "exit_code": "3"},
        {"status": "Failed"},
    ]
    assert counters.recount(records) == {
        "n.Running": 2, "n.Stopping": 1, "n.Finished": 2, "n.Failed": 1, "n.pending": 1, "n.nonzero": 1,
    }  # fmt: skip
