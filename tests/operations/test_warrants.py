"""What dispatch signs of what stands in the ledger, where anybody could have written it."""

import json

import pytest

from cloudassist import ids, topology
from cloudassist.dispatch.occurrences import Occurrences
from cloudassist.dispatch.redelivery import Redelivery
from cloudassist.dispatch.warrants import KEYS_SECONDS, Warrants
from cloudassist.errors import ServiceUnavailableError
from cloudassist.fanout import Fanout
from cloudassist.installation import save
from cloudassist.keyring import SigningKey, create_key
from cloudassist.keyset import KeySet, Root, TrustedKey
from cloudassist.orders import Payload, payload_hash
from cloudassist.store import keys
from support.counting import counted

NAMES = ["web-1", "web-2"]


@pytest.fixture
def key(settings):
    return SigningKey.load(settings.signing_key_file)


@pytest.fixture
def warrants(ledger, settings, key, region):
    return Warrants(ledger, key, Root.of(settings))


@pytest.fixture
def fanout(settings, key):
    fanout = Fanout(settings, key)
    yield fanout
    fanout.close()


def fresh(warrants):
    """Return the same with nothing remembered."""
    return Warrants(warrants._ledger, warrants._key, warrants._root)


@pytest.fixture
def redeliver(ledger, settings, fanout, warrants, server):
    """Have dispatch send the runs of records again, with nothing remembered; return how many orders came of it."""

    def redeliver(*record_ids):
        sent = Redelivery(ledger, fanout, settings, fresh(warrants)).redeliver(list(record_ids), [])
        queued = sum(server.llen(topology.instance_queue(name)) for name in (*NAMES, "web-9"))
        for name in (*NAMES, "web-9"):
            server.delete(topology.instance_queue(name))
        assert queued == sent
        return sent

    return redeliver


@pytest.fixture
def run(assistant, server):
    """A run whose orders got lost."""
    invocation = assistant.run_command("date", instance_ids=NAMES)
    for name in NAMES:
        server.delete(topology.instance_queue(name))
    return invocation.invoke_id


def test_what_was_ordered_is_sent_again(run, redeliver):
    assert redeliver(f"{run}.web-1", f"{run}.web-2") == 2


def test_another_script_is_not(run, redeliver, server):
    payload = Payload("t-1", "c-1", "RunShellScript", "echo mine", 60).encode()
    server.set("payload:mine", payload, ex=600)
    server.hset(keys.invocation(run), mapping={"payload": "payload:mine", "hash": payload_hash(payload)})
    assert redeliver(f"{run}.web-1") == 0


@pytest.mark.parametrize("listed", [True, False])
def test_another_instance_is_not(run, redeliver, region, server, listed):
    region.register(["web-9"])
    server.hset(keys.record(f"{run}.web-9"), mapping={"status": "Running"})
    if listed:
        server.rpush(keys.targets(run), "web-9")
        assert redeliver(f"{run}.web-1") == 0
    assert redeliver(f"{run}.web-9") == 0
    server.delete(keys.record(f"{run}.web-9"))


def test_a_later_start_is_not(run, redeliver, server):
    server.hincrby(keys.invocation(run), "start_by", 1)
    assert redeliver(f"{run}.web-1") == 0


def test_a_run_that_nobody_ordered_is_not(run, redeliver, server):
    """Not even with the warrant of another one."""
    fields = server.hgetall(keys.invocation(run))
    made_up = ids.new_invoke_id()
    server.hset(keys.invocation(made_up), mapping=fields)
    server.rpush(keys.targets(made_up), *NAMES)
    server.hset(keys.record(f"{made_up}.web-1"), mapping={"status": "Running"})
    for name in (keys.invocation(made_up), keys.targets(made_up), keys.record(f"{made_up}.web-1")):
        server.expire(name, 600)
    assert redeliver(f"{made_up}.web-1") == 0
    server.hdel(keys.invocation(made_up), "warrant")
    assert redeliver(f"{made_up}.web-1") == 0


def publish(settings, server, change):
    """Change the key set, as an operator does."""
    root = SigningKey.load(settings.root_key_file, "root")
    known, _ = KeySet.load(settings.key_set_file, Root(root.public))
    save(settings, change(known), root)
    server.set(topology.KEY_SET_KEY, settings.key_set_file.read_bytes())


def test_what_a_revoked_key_has_signed_is_not(run, redeliver, settings, server, tmp_path):
    create_key(tmp_path / "new.key", "signing")
    new = SigningKey.load(tmp_path / "new.key")
    publish(settings, server, lambda known: KeySet(2, known.report, (TrustedKey(new.public),)))
    assert redeliver(f"{run}.web-1") == 0


def test_without_a_key_set_nothing_is_forgotten_and_nothing_signed(run, ledger, settings, key, server):
    server.delete(topology.KEY_SET_KEY)
    with pytest.raises(ServiceUnavailableError):
        Warrants(ledger, key, Root.of(settings)).of([run])


@pytest.fixture
def occur(ledger, settings, fanout, warrants, server):
    """Have dispatch plan moments that were claimed; return how many orders came of it."""

    def occur(*occurrences, later=0):
        for occurrence in occurrences:
            server.zadd(keys.CLAIMED, {occurrence: 1})
        sent = Occurrences(ledger, fanout, settings, warrants).plan(list(occurrences))
        assert server.zcard(keys.CLAIMED) == 0
        return sent

    return occur


@pytest.fixture
def due(recurring, server):
    """A task and its newest moment, which has just come."""
    run = recurring("rate(10s)")
    fields = server.hgetall(keys.invocation(run.invoke_id))
    return run.invoke_id, int(fields["creation_time"]) + 10_000


def test_a_moment_of_a_task_is_run(due, occur):
    assert occur(ids.occurrence_id(*due)) == 2


@pytest.mark.parametrize("off", [1, -1, 5_000])
def test_any_other_moment_is_not(due, occur, off):
    task, moment = due
    assert occur(ids.occurrence_id(task, moment + off)) == 0


@pytest.mark.parametrize(
    "changes",
    [{"content": "echo mine"}, {"timeout": 61}, {"username": "root"}, {"warrant": ""}, {"warrant": "[]"}],
    ids=str,
)
def test_a_task_that_was_changed_is_not(due, occur, server, changes):
    server.hset(keys.invocation(due[0]), mapping=changes)
    assert occur(ids.occurrence_id(*due)) == 0


def test_a_task_that_got_another_instance_is_not(due, occur, server, region):
    region.register(["web-9"])
    server.rpush(keys.targets(due[0]), "web-9")
    assert occur(ids.occurrence_id(*due)) == 0


def test_a_task_that_was_made_more_frequent_runs_at_its_own_moments_alone(due, occur, server):
    task, moment = due
    server.hset(keys.invocation(task), mapping={"frequency": "rate(11s)", "creation_time": moment - 11_000 + 1})
    assert occur(ids.occurrence_id(task, moment + 1)) == 0
    assert occur(ids.occurrence_id(task, moment)) == 2


def test_a_moment_that_is_long_over_is_not_ordered(recurring, occur, server):
    """Not even where the ledger says that it may be so late."""
    task = recurring("rate(10s)").invoke_id
    fields = server.hgetall(keys.invocation(task))
    server.hset(keys.invocation(task), mapping={"grace_ms": 10**12})
    old = int(fields["creation_time"]) + 10_000 - 10_000 * 1_000
    assert occur(ids.occurrence_id(task, old)) == 0


def test_what_was_foreseen_is_neither_planned_then_nor_read_again(due, ledger, settings, fanout, warrants, server):
    occurrence = ids.occurrence_id(*due)
    dispatch = Occurrences(ledger, fanout, settings, warrants)
    assert dispatch.foresee([occurrence, "t-0000000000000000@1000"]) == 1
    assert not server.exists(keys.invocation(occurrence))
    assert [server.llen(topology.instance_queue(name)) for name in NAMES] == [0, 0]
    for others, reads in ((dispatch, 0), (Occurrences(ledger, fanout, settings, fresh(warrants)), 1)):
        server.delete(keys.invocation(occurrence))
        server.zadd(keys.CLAIMED, {occurrence: 1})
        with counted(server) as calls:
            others.plan([occurrence])
        # The instances of a task are read with its warrant.
        assert calls["lrange"] == reads


@pytest.mark.parametrize("off", [1, -10_000])
def test_that_a_wrong_moment_was_foreseen_does_not_make_it_one(due, ledger, settings, fanout, warrants, server, off):
    task, moment = due
    wrong = ids.occurrence_id(task, moment + off)
    dispatch = Occurrences(ledger, fanout, settings, warrants)
    dispatch.foresee([wrong])
    server.zadd(keys.CLAIMED, {wrong: 1})
    assert dispatch.plan([wrong]) == 0


def test_a_task_that_goes_on_is_signed_anew_by_a_newer_key(recurring, ledger, settings, key, server, tmp_path):
    """So that the key under which it was ordered can be taken out of use."""
    task = recurring("rate(10s)").invoke_id
    create_key(tmp_path / "new.key", "signing")
    new = SigningKey.load(tmp_path / "new.key")
    both = (TrustedKey(key.public), TrustedKey(new.public))
    publish(settings, server, lambda known: KeySet(2, known.report, both))

    def kid():
        return json.loads(server.hget(keys.invocation(task), "warrant"))[0]

    assert task in Warrants(ledger, new, Root.of(settings)).of([task])
    assert kid() == new.kid
    assert task in Warrants(ledger, key, Root.of(settings)).of([task])
    assert kid() == new.kid
    publish(settings, server, lambda known: KeySet(3, known.report, both[1:]))
    assert task in Warrants(ledger, new, Root.of(settings)).of([task])


def test_a_change_of_the_key_set_is_noticed(run, warrants, settings, server, tmp_path):
    assert run in warrants.of([run])
    create_key(tmp_path / "new.key", "signing")
    new = SigningKey.load(tmp_path / "new.key")
    publish(settings, server, lambda known: KeySet(2, known.report, (TrustedKey(new.public),)))
    assert run in warrants.of([run])
    warrants._keys_until -= KEYS_SECONDS
    assert run not in warrants.of([run])
