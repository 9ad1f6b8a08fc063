"""Several sweepers at once, and one that dies in the middle of its turn."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudassist import topology
from cloudassist.duties.sweeper import HOLD_MS, MOST, Sweeper
from cloudassist.store import keys, sweeps
from cloudassist.store.ledger import Ledger
from support.counting import counted
from support.ledgers import plan_run


@pytest.fixture
def silent(ledger, server):
    """Records whose orders got lost, and which are to be looked at now."""
    run = plan_run(ledger, server, [f"web-{number}" for number in range(600)])
    server.zadd(keys.DUE, dict.fromkeys(run.record_ids, 0))
    return run.record_ids


@pytest.mark.matrix("F18")
def test_three_sweepers_send_each_order_again_once(server, settings, silent):
    def turns(_):
        sent = []
        with Ledger(settings.url) as mine:
            sweeper = Sweeper(mine, settings, lambda runs, _stops: sent.extend(runs))
            while sweeper.turn() == 0:
                pass
        return sent

    with ThreadPoolExecutor(3) as pool:
        sent = [record_id for some in pool.map(turns, range(3)) for record_id in some]
    assert Counter(sent) == Counter(silent)
    assert {server.hget(keys.record(record_id), "tries") for record_id in silent} == {"1"}


@pytest.mark.matrix("F18")
def test_what_one_had_taken_that_died_comes_due_again(ledger, server, settings, silent):
    now, taken = ledger.call(sweeps.observe_due(len(silent), HOLD_MS))
    assert {seen.record_id for seen in taken} == set(silent)
    assert {server.zscore(keys.DUE, record_id) - now for record_id in silent} == {HOLD_MS}
    sent = []
    other = Sweeper(ledger, settings, lambda runs, _stops: sent.extend(runs))
    other.turn()
    assert sent == []
    server.zadd(keys.DUE, dict.fromkeys(silent, now))
    while other.turn() == 0:
        pass
    assert Counter(sent) == Counter(silent)


def test_a_turn_is_bounded_and_what_has_ended_costs_nothing(ledger, server, settings, silent):
    sweeper = Sweeper(ledger, settings, lambda _runs, _stops: None)
    with counted(server) as bounded:
        assert sweeper.turn() == 0
    # So many records are looked at in one call, however many are due; their common invocation is read once.
    assert bounded["fcall"] == 1
    assert bounded["zrange"] <= 3
    assert bounded["hmget"] <= MOST + 1
    assert server.zcount(keys.DUE, 0, 0) == len(silent) - MOST
    for record_id in silent:
        ledger.call(sweeps.expire(record_id, 60_000, 60_000))
    with counted(server) as ended:
        assert sweeper.turn() > 0
    assert sum(ended.values()) <= 3, ended


@pytest.mark.matrix("F18")
def test_what_was_in_its_queue_at_the_last_look_gets_its_agents_time_before_it_is_sent_again(ledger, server, settings):
    (record_id,) = plan_run(ledger, server, ["web-1"]).record_ids
    queue, sent = topology.instance_queue("web-1"), []
    sweeper = Sweeper(ledger, settings, lambda runs, _stops: sent.extend(runs))

    def look():
        server.zadd(keys.DUE, {record_id: 0})
        sweeper.turn()

    server.lpush(queue, "an order")
    look()
    look()
    server.delete(queue)
    look()
    assert sent == []
    look()
    assert sent == [record_id]


def test_an_order_that_somebody_has_claimed_does_not_wait_whatever_lies_in_the_queue(ledger, server, settings):
    (record_id,) = plan_run(ledger, server, ["web-1"]).record_ids
    server.lpush(topology.instance_queue("web-1"), "another order")
    sweeper = Sweeper(ledger, settings, lambda _runs, _stops: None)
    for claim, marked in (("journal/boot", None), (None, "1")):
        server.zadd(keys.DUE, {record_id: 0})
        if claim:
            server.set(topology.claim_key("web-1", record_id), claim)
        else:
            server.delete(topology.claim_key("web-1", record_id))
        sweeper.turn()
        assert server.hget(keys.record(record_id), "waited") == marked


@pytest.mark.parametrize(("value", "read"), [(b'\xff"\\\0', '\ufffd"\\\0'), (b"", "")])
def test_a_sign_of_life_that_nobody_can_read_is_one(ledger, server, settings, value, read):
    (record_id,) = plan_run(ledger, server, ["web-1"]).record_ids
    server.set(topology.presence_key("web-1"), ex=60, value=value)
    server.zadd(keys.DUE, {record_id: 0})
    ((now, (seen,)),) = ledger.run([sweeps.observe_due(1, HOLD_MS)])
    assert (seen.record_id, seen.presence, seen.claim) == (record_id, read, False)
    assert now > 0
    sent = []
    server.zadd(keys.DUE, {record_id: 0})
    Sweeper(ledger, settings, lambda runs, _stops: sent.extend(runs)).turn()
    assert sent == [record_id]
