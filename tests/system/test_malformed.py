"""Whatever lies in a queue, the consumers go on."""

import json

import pytest
import redis

from cloudassist import InvokeStatus, keyring, topology
from cloudassist.keyring import AgreementKey
from cloudassist.store import keys
from support.data import table
from support.malformed import GOOD, item
from support.serving import serves
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


@pytest.mark.matrix("F50", "F53", "I7")
@pytest.mark.parametrize("queue", ["instance.web-1", "control.web-1"])
def test_poison_in_an_instances_queue(assistant, server, pids, queue):
    for message in POISON:
        server.lpush(queue, message)
    wait_until(lambda: server.llen(queue) == 0, "the queue to be emptied")
    assert serves(assistant, "web-1")


@pytest.mark.matrix("F53", "I7")
@pytest.mark.parametrize("megabytes", [2, 100])
def test_what_is_larger_than_a_message_may_be_does_not_get_in(assistant, stack, server, pids, megabytes):
    url = stack.environment("agent", "web-2")["CLOUDASSIST_URL"]
    refused = pytest.raises((redis.ConnectionError, redis.ResponseError))
    with redis.Redis.from_url(url, retry=None) as instance, refused:
        instance.lpush(topology.REPORTS_QUEUE, b"x" * megabytes * 2**20)
    assert server.info("memory")["used_memory"] < 100 * 2**20
    assert serves(assistant, "web-1")


@pytest.mark.matrix("F55", "I7")
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


def mac_key_of(stack, instance_id):
    """Return the key with which an instance could try to speak as web-1: what whoever is root there has."""
    region = AgreementKey.load(stack.data_dir / "keys" / "report.key", "report")
    own = AgreementKey.load(stack.data_dir / "state" / "agents" / instance_id / "instance.key", "instance")
    return own.mac_key("web-1", region.public)


@pytest.mark.matrix("F55", "I8")
def test_an_instance_cannot_speak_of_anothers_record(assistant, stack, server, pids):
    invocation = assistant.run_command("sleep 30", instance_ids=["web-1"])
    (record_id,) = [result.record_id for result in invocation.results()]
    count = int(server.hget(keys.REJECTED_COUNTS, "foreign-record") or 0)
    bad_mac = int(server.hget(keys.REJECTED_COUNTS, "bad-mac") or 0)
    server.lpush(topology.REPORTS_QUEUE, report("web-2", record_id, b"key"))
    server.lpush(topology.REPORTS_QUEUE, report("web-1", record_id, b"key"))
    server.lpush(topology.REPORTS_QUEUE, report("web-1", record_id, mac_key_of(stack, "web-2")))
    wait_until(lambda: server.hget(keys.REJECTED_COUNTS, "foreign-record") == str(count + 1), "the foreign report")
    wait_until(lambda: server.hget(keys.REJECTED_COUNTS, "bad-mac") == str(bad_mac + 2), "the forged reports")
    assert invocation.refresh().status is InvokeStatus.RUNNING
    invocation.stop()
    invocation.wait(timeout=20)
