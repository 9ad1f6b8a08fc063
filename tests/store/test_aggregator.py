"""What the aggregator makes of a batch: who says it, and whether that can be proven."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudassist import keyring, limits, topology
from cloudassist.audit import Kind, findings
from cloudassist.duties.aggregator import Aggregator
from cloudassist.duties.tally import Tally
from cloudassist.keyring import AgreementKey, create_key, encode_key
from cloudassist.messages import FINAL_SEQUENCE, ClientState, ClientStatus, Registration, Report
from cloudassist.status import InvocationStatus
from cloudassist.store import enrolments, instances, keys, reports, sweeps
from cloudassist.store.audit import Act
from cloudassist.store.ledger import Ledger
from support.ledgers import plan_run
from support.malformed import GOOD

STARTED = 1


@pytest.fixture
def region_key(tmp_path):
    return key(tmp_path, "report")


@pytest.fixture
def aggregator(ledger, settings, region_key):
    return Aggregator(ledger, settings, [region_key])


@pytest.fixture
def say(server, region_key):
    """Publish messages as the holder of a key."""

    def say(own, *messages):
        for message in messages:
            body = message.encode()
            mac = keyring.mac(own.mac_key(message.instance_id, region_key.public), body.encode())
            server.lpush(topology.REPORTS_QUEUE, json.dumps(GOOD | {"headers": {"mac": mac}, "body": body}))

    return say


def key(folder, kind, name="own"):
    path = folder / f"{name}.{kind}"
    create_key(path, kind)
    return AgreementKey.load(path, kind)


def registration(own, name="web-9", **facts):
    return Registration(name, encode_key(own.public), "1.0", **facts)


def finished(record_id, name):
    return Report(name, record_id, FINAL_SEQUENCE, InvocationStatus.FINISHED, start_time=1, finish_time=2, exit_code=0)


def put_aside(server):
    return server.hgetall(keys.REJECTED_COUNTS)


def test_what_a_newcomer_says_in_one_breath_is_believed(aggregator, ledger, server, say, tmp_path):
    own = key(tmp_path, "instance")
    run = plan_run(ledger, server, ["web-1"])
    server.delete(keys.instance("web-1"))
    say(
        own,
        finished(run.record_ids[0], "web-1"),
        registration(own, "web-1"),
        ClientStatus("web-1", ClientState.RUNNING),
    )
    aggregator.turn()
    assert put_aside(server) == {}
    assert server.hget(keys.record(run.record_ids[0]), "status") == "Finished"
    assert server.hget(keys.instance("web-1"), "client_state") == "Running"


@pytest.mark.matrix("F40")
def test_an_id_belongs_to_whoever_came_first(aggregator, ledger, server, say, tmp_path):
    own, other = key(tmp_path, "instance"), key(tmp_path, "instance", "other")
    say(own, registration(own, hostname="first"))
    aggregator.turn()
    say(other, registration(other, hostname="second"), ClientStatus("web-9", ClientState.DEAD))
    aggregator.turn()
    assert put_aside(server) == {"foreign-key": "1", "bad-mac": "1"}
    assert server.hget(keys.instance("web-9"), "hostname") == "first"
    assert server.get(topology.owner_key("web-9")) == f"{encode_key(own.public)}/"


@pytest.mark.parametrize(
    ("then", "is_taken", "owner"), [("", True, "one"), ("one", True, "one"), ("two", False, "one")]
)
def test_the_first_machine_stays_the_machine(ledger, server, tmp_path, then, is_taken, owner):
    own = key(tmp_path, "instance")
    for machine in ("", "one"):
        assert ledger.call(instances.register(registration(own, machine_id=machine)))
    assert ledger.call(instances.register(registration(own, machine_id=then))) is is_taken
    assert server.get(topology.owner_key("web-9")).endswith("/one")


@pytest.mark.matrix("F55")
def test_nobody_speaks_for_another(aggregator, server, say, tmp_path):
    own, other = key(tmp_path, "instance"), key(tmp_path, "instance", "other")
    say(own, registration(own, "web-8"), registration(own, "web-9"))
    aggregator.turn()
    say(other, ClientStatus("web-9", ClientState.DEAD))
    say(own, finished("t-1.web-9", "web-8"))
    say(own, ClientStatus("web-7", ClientState.DEAD))
    aggregator.turn()
    assert put_aside(server) == {"bad-mac": "1", "foreign-record": "1", "unknown-instance": "1"}
    assert not server.exists(keys.instance("web-7"))


def test_a_forged_report_does_not_take_a_genuine_one_with_it(aggregator, server, say, tmp_path):
    own, other = key(tmp_path, "instance"), key(tmp_path, "instance", "other")
    say(own, registration(own))
    aggregator.turn()
    say(other, ClientStatus("web-9", ClientState.DEAD))
    say(own, ClientStatus("web-9", ClientState.RUNNING))
    aggregator.turn()
    assert put_aside(server) == {"bad-mac": "1"}
    assert server.hget(keys.instance("web-9"), "client_state") == "Running"


def started(record_id, name):
    return Report(name, record_id, STARTED, InvocationStatus.RUNNING, start_time=1)


def statuses(server, record_ids):
    return Counter(server.hget(keys.record(record_id), "status") for record_id in record_ids)


@pytest.mark.matrix("F12", "I4")
def test_three_aggregators_apply_what_comes_twice_and_in_any_order(ledger, server, settings, region_key, say, tmp_path):
    names = [f"web-{number}" for number in range(200)]
    own = {name: key(tmp_path, "instance", name) for name in names}
    run = plan_run(ledger, server, names)
    server.delete(*map(keys.instance, names))
    said = [registration(own[name], name) for name in names]
    for report in (started, finished):
        said += 2 * [report(record_id, name) for record_id, name in zip(run.record_ids, names, strict=True)]
    rest = said[len(names) :]
    random.Random(12).shuffle(rest)
    for message in said[: len(names)] + rest:
        say(own[message.instance_id], message)

    def work(tally):
        with Ledger(settings.url) as mine:
            aggregator = Aggregator(mine, settings, [region_key], tally)
            while server.llen(topology.REPORTS_QUEUE) or server.keys("taken:*"):
                aggregator.turn()

    tallies = [Tally() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, tallies)) == [None] * 3
    assert ledger.call(sweeps.count_ended()) == {("Finished", ""): len(names)}
    for told in ("delivery", "execution"):
        assert sum(getattr(tally, told).read()[0][-1] for tally in tallies) == len(names)
    assert put_aside(server) == {}
    assert statuses(server, run.record_ids) == {"Finished": len(names)}
    assert [each for each in findings(ledger, settings) if each.kind is Kind.COUNTER] == []


@pytest.mark.matrix("F13", "I4")
def test_one_that_dies_when_it_has_applied_and_not_removed_them_counts_nothing_twice(
    aggregator, ledger, server, settings, region_key, say, tmp_path
):
    own = key(tmp_path, "instance")
    run = plan_run(ledger, server, ["web-1"])
    server.delete(keys.instance("web-1"))
    say(own, registration(own, "web-1"), finished(run.record_ids[0], "web-1"))
    aggregator.turn()
    (dead,) = ledger.call(reports.takers())
    assert server.llen(keys.taken(dead)) > 0
    before = server.hgetall(keys.invocation(run.invoke_id))
    server.zadd(keys.TAKERS, {dead: 0})
    heir = Aggregator(ledger, settings, [region_key])
    heir.turn()
    assert server.llen(keys.taken(ledger.call(reports.takers())[0])) > 0
    heir.turn()
    heir.finish()
    assert server.keys("taken:*") == []
    assert server.hgetall(keys.invocation(run.invoke_id)) == before
    assert statuses(server, run.record_ids) == {"Finished": 1}


def test_the_keys_of_an_instance_that_is_enrolled_anew_are_read_anew(aggregator, server, say, tmp_path):
    own, other = key(tmp_path, "instance"), key(tmp_path, "instance", "other")
    say(own, registration(own), ClientStatus("web-9", ClientState.RUNNING))
    aggregator.turn()
    server.hset(keys.instance("web-9"), "public_key", encode_key(other.public))
    for state in (ClientState.STOPPED, ClientState.DEAD):
        say(other, ClientStatus("web-9", state))
        aggregator.turn()
    assert server.hget(keys.instance("web-9"), "client_state") == "Dead"


def test_what_the_daemon_says_is_kept_with_the_time(aggregator, server, say, tmp_path):
    own = key(tmp_path, "instance")
    said = ClientStatus("web-9", ClientState.DEAD, restarts=3, reason="it ended with exit code 1", rss_bytes=7)
    say(own, registration(own), said)
    aggregator.turn()
    known = server.hgetall(keys.instance("web-9"))
    assert (known["client_state"], known["client_restarts"], known["client_rss_bytes"]) == ("Dead", "3", "7")
    assert known["client_reason"] == "it ended with exit code 1"
    assert int(known["daemon_time"]) > 1_700_000_000_000


def test_how_far_it_is_behind_is_known(aggregator, server):
    assert aggregator.behind_seconds == 0
    server.lpush(topology.REPORTS_QUEUE, *["x"] * (2 * limits.REPORTS_PER_TAKE))
    aggregator.turn()
    first = aggregator.behind_seconds
    assert first > 0
    aggregator.turn()
    aggregator.turn()
    assert aggregator.behind_seconds == 0
    assert server.hget(keys.REJECTED_COUNTS, "not-json") == str(2 * limits.REPORTS_PER_TAKE)


def test_who_was_deregistered_is_believed_no_more(ledger, server, aggregator, say, tmp_path):
    """Also by an aggregator that knows its key, and whatever it says of itself."""
    own = key(tmp_path, "instance")
    say(own, registration(own))
    aggregator.turn()
    (first,), (second,) = (plan_run(ledger, server, ["web-9"]).record_ids for _ in range(2))
    say(own, finished(first, "web-9"))
    aggregator.turn()
    assert server.hget(keys.record(first), "status") == "Finished"
    act = Act(caller="me", operation="DeregisterManagedInstance").encode()
    assert ledger.call(enrolments.deregister("web-9", act)) == ["deregistered"]
    say(own, finished(second, "web-9"), ClientStatus("web-9", ClientState.RUNNING), registration(own))
    aggregator.turn()
    assert server.hget(keys.record(second), "status") == "Running"
    assert ledger.call(reports.rejected()) == {"unknown-instance": 2, "foreign-key": 1}
    assert not server.exists(keys.instance("web-9"))
