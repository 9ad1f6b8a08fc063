"""Whatever lies in a queue, the consumers go on: I7."""

import json

import pytest
import redis

from cloudassist import InvokeStatus, keyring, topology
from cloudassist.keyring import SigningKey
from cloudassist.orders import Order, Purpose
from cloudassist.store import keys
from support.data import table
from support.malformed import GOOD, item, order_message
from support.waiting import wait_until

pytestmark = pytest.mark.system

POISON = [item(row) for row in table("malformed_messages")] + [b"\xff\xfe", b"[" * 50_000, b"x" * (1024 * 1024)]


@pytest.fixture
def server(stack):
    with redis.Redis.from_url(stack.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def pids(stack):
    """The same processes must be running afterwards, and none of them may have been restarted."""
    before = {name: process.pid for name, process in stack.processes.items()}
    yield before
    assert {name: process.pid for name, process in stack.processes.items() if process.poll() is None} == before


def serves(assistant, instance_id):
    invocation = assistant.run_command("echo still here", instance_ids=[instance_id])
    return invocation.wait(timeout=5).status is InvokeStatus.FINISHED


def refused(server, instance_id):
    presence = server.get(topology.presence_key(instance_id))
    return json.loads(presence)["refused"] if presence else {}


@pytest.mark.parametrize("queue", ["instance.web-1", "control.web-1"])
def test_poison_in_an_instances_queue(assistant, server, pids, queue):
    for message in POISON:
        server.lpush(queue, message)
    wait_until(lambda: server.llen(queue) == 0, "the queue to be emptied")
    assert serves(assistant, "web-1")


def test_poison_on_reports_is_put_aside_with_its_reason(assistant, server, pids):
    before = server.hgetall(keys.REJECTED_COUNTS)
    forged = [
        GOOD | {"headers": {"mac": "0" * 64}, "body": body}
        for body in (
            "not json",
            "[]",
            '{"v":9}',
            json.dumps(
                {"v": 1, "kind": "ended", "instance": "web-1", "record": "t-1.web-1", "sequence": 1, "status": "Odd"}
            ),
        )
    ]
    messages = [*POISON, *(json.dumps(message).encode() for message in forged)]
    for message in messages:
        server.lpush(topology.REPORTS_QUEUE, message)

    def counted():
        after = server.hgetall(keys.REJECTED_COUNTS)
        return sum(map(int, after.values())) - sum(map(int, before.values())) == len(messages)

    wait_until(counted, f"{len(messages)} messages to be put aside")
    newest = json.loads(server.lindex(keys.REJECTED, 0))
    assert newest["reason"]
    assert newest["bytes"]
    assert {"too-large", "not-json", "not-an-object", "unknown-schema"} <= server.hgetall(keys.REJECTED_COUNTS).keys()
    assert serves(assistant, "web-1")


def report(instance_id, record_id, mac_key, **changes):
    body = json.dumps(
        {"v": 1, "kind": "ended", "instance": instance_id, "record": record_id, "sequence": 2**31, "status": "Finished"}
        | {"start_time": 1, "exit_code": 0, "finish_time": 2, "output": "", "dropped": 0, "ended": 0}
        | changes
    )
    return json.dumps(GOOD | {"headers": {"mac": keyring.mac(mac_key, body.encode())}, "body": body})


def test_an_instance_cannot_speak_of_anothers_record(assistant, stack, server, pids):
    invocation = assistant.run_command("sleep 30", instance_ids=["web-1"])
    (record_id,) = [result.record_id for result in invocation.results()]
    count = int(server.hget(keys.REJECTED_COUNTS, "foreign-record") or 0)
    bad_mac = int(server.hget(keys.REJECTED_COUNTS, "bad-mac") or 0)
    server.lpush(topology.REPORTS_QUEUE, report("web-2", record_id, b"key"))
    server.lpush(topology.REPORTS_QUEUE, report("web-1", record_id, b"key"))
    wait_until(lambda: server.hget(keys.REJECTED_COUNTS, "foreign-record") == str(count + 1), "the foreign report")
    wait_until(lambda: server.hget(keys.REJECTED_COUNTS, "bad-mac") == str(bad_mac + 1), "the forged report")
    assert invocation.refresh().status is InvokeStatus.RUNNING
    invocation.stop()
    invocation.wait(timeout=20)


def order(stack, record_id, purpose=Purpose.RUN, **changes):
    key = SigningKey.load(stack.data_dir / "keys" / "signing.key")
    fields = {"epoch": 0, "expires": 2**52, "start_by": 2**52, "payload_key": "payload:x", "payload_hash": "0" * 64}
    return Order(purpose, record_id, **(fields | changes)).seal(key)


def test_forged_orders_are_refused_and_counted(assistant, stack, server, pids, tmp_path):
    kid, signature, payload = order(stack, "t-1.web-3")
    other = SigningKey.from_seed(b"x" * 32)
    forged = {
        "bad-signature": [
            [kid, signature, payload.replace("t-1", "t-2")],
            order(stack, "t-1.web-3", purpose=Purpose.STOP),
        ],
        "unknown-key": [Order(Purpose.RUN, "t-1.web-3", 0, 2**52).seal(other)],
        "wrong-audience": [order(stack, "t-1.web-9"), order(stack, "t-1.web-33")],
        "wrong-epoch": [order(stack, "t-1.web-3", epoch=7)],
        "expired": [order(stack, "t-1.web-3", expires=1)],
        "bad-envelope": [[], {"a": 1}, None, [kid, signature], [kid, "%", payload], [1, 2, 3]],
    }
    before = refused(server, "web-3")
    for envelopes in forged.values():
        for envelope in envelopes:
            server.lpush("instance.web-3", order_message(envelope))
    wait_until(lambda: server.llen("instance.web-3") == 0, "the queue to be emptied")
    assert serves(assistant, "web-3")

    def counted():
        after = refused(server, "web-3")
        return all(after.get(name, 0) - before.get(name, 0) == len(forged[name]) for name in forged)

    wait_until(counted, "the refusals to be told")


def test_headers_that_celery_would_obey_are_ignored(assistant, stack, server, pids, tmp_path):
    """An order that is genuine, in a message with an ETA, a time limit, callbacks and another id."""
    invocation = assistant.run_command(f"echo x >> {tmp_path}/runs; sleep 0.3", instance_ids=["web-2"])
    invocation.wait(timeout=20)
    second = assistant.run_command("sleep 1", instance_ids=["web-2"])
    record_id = f"{second.invoke_id}.web-2"
    fields = server.hgetall(keys.invocation(second.invoke_id))
    envelope = order(
        stack,
        record_id,
        start_by=int(fields["start_by"]),
        payload_key=fields["payload"],
        payload_hash=fields["hash"],
    )
    callback = {
        "task": "celery.starmap",
        "args": [],
        "kwargs": {},
        "options": {},
        "subtask_type": None,
        "immutable": False,
    }
    body = json.dumps([[envelope], {}, {"callbacks": [callback], "errbacks": None, "chain": None, "chord": None}])
    headers = {
        **GOOD["headers"],
        "id": "other",
        "eta": "2099-01-01T00:00:00",
        "expires": "2000-01-01",
        "timelimit": "odd",
    }
    server.lpush("instance.web-2", json.dumps(GOOD | {"body": body, "headers": headers}))
    assert second.wait(timeout=20).status is InvokeStatus.FINISHED
    wait_until(lambda: server.llen("instance.web-2") == 0, "the copy to be taken")
    assert (tmp_path / "runs").read_text() == "x\n"


def test_twenty_copies_of_an_order_run_once(assistant, server, pids, tmp_path, stack):
    """D1, I1"""
    script = f"echo $CLOUDASSIST_RECORD_ID >> {tmp_path}/runs; sleep 0.2"
    invocation = assistant.run_command(script, instance_ids=["web-1"])
    fields = server.hgetall(keys.invocation(invocation.invoke_id))
    envelope = order(
        stack,
        f"{invocation.invoke_id}.web-1",
        start_by=int(fields["start_by"]),
        payload_key=fields["payload"],
        payload_hash=fields["hash"],
    )
    for _ in range(20):
        server.lpush("instance.web-1", order_message(envelope))
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
    wait_until(lambda: server.llen("instance.web-1") == 0, "the copies to be taken")
    assert serves(assistant, "web-1")
    assert (tmp_path / "runs").read_text().splitlines() == [f"{invocation.invoke_id}.web-1"]
