"""Orders that nobody with a key has given for here and now: refused, counted by reason, never run."""

import json
import signal

import psutil
import pytest
import redis

from cloudassist import InvokeStatus
from cloudassist.audit import Kind, findings
from cloudassist.keyring import SigningKey
from cloudassist.orders import Order, Purpose
from cloudassist.store import keys
from cloudassist.store.ledger import Ledger
from support.data import table
from support.malformed import GOOD, item, order_message
from support.serving import refused, serves
from support.stacks import logging_script, runs
from support.waiting import wait_until

pytestmark = pytest.mark.system

JUNK_A_SECOND = 1_000
EXPIRED_A_SECOND = 300
"""Messages that an agent refuses in a second of its processor's time."""


@pytest.fixture
def server(stack):
    """Whoever can write to the server."""
    with redis.Redis.from_url(stack.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def pids(stack):
    """The same processes must be running afterwards, and none of them may have been restarted."""
    before = {name: process.pid for name, process in stack.processes.items()}
    yield before
    assert {name: process.pid for name, process in stack.processes.items() if process.poll() is None} == before


def order(stack, record_id, purpose=Purpose.RUN, **changes):
    key = SigningKey.load(stack.data_dir / "keys" / "signing.key")
    fields = {"epoch": 0, "expires": 2**52, "start_by": 2**52, "payload_key": "payload:x", "payload_hash": "0" * 64}
    return Order(purpose, record_id, **(fields | changes)).seal(key)


@pytest.mark.matrix("F40", "F51", "I7")
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


def emptied(stack, server, messages):
    """Push messages to an instance; return how many it refused per second of its time. It must live meanwhile."""
    agent = psutil.Process(stack.processes["agent@web-3"].pid)
    before = sum(agent.cpu_times()[:2])
    with server.pipeline(transaction=False) as pipe:
        for message in messages:
            pipe.lpush("instance.web-3", message)
        pipe.execute()

    def is_empty():
        assert server.exists("presence.web-3")
        return not server.llen("instance.web-3")

    wait_until(is_empty, "the queue to be emptied", 40)
    return len(messages) / (sum(agent.cpu_times()[:2]) - before)


@pytest.mark.matrix("F29", "F54", "I7")
def test_a_queue_that_is_full_of_junk_and_of_expired_orders_is_emptied_fast(assistant, stack, server, pids):
    log = stack.data_dir / "logs" / "agent@web-3.log"
    before, said = refused(server, "web-3"), log.stat().st_size
    assert emptied(stack, server, [item(row) for row in table("malformed_messages")] * 350) > JUNK_A_SECOND
    expired = [order_message(order(stack, f"t-{number}.web-3", expires=1)) for number in range(2_000)]
    assert emptied(stack, server, expired) > EXPIRED_A_SECOND
    assert serves(assistant, "web-3")
    count = before.get("expired", 0) + len(expired)
    wait_until(lambda: refused(server, "web-3").get("expired", 0) == count, "the count")
    assert log.stat().st_size - said < 50_000


@pytest.mark.matrix("F52")
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


@pytest.mark.matrix("F86", "I1")
def test_twenty_copies_of_an_order_run_once(assistant, server, pids, tmp_path, stack):
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


@pytest.mark.matrix("F51")
@pytest.mark.parametrize("queue", ["instance.web-3", "control.web-3"])
def test_a_genuine_order_serves_no_other_purpose(assistant, stack, server, pids, queue):
    """A run that is read as a stop, a stop that is read as a run."""
    before = refused(server, "web-3").get("bad-signature", 0)
    wrong = Purpose.STOP if queue.startswith("instance") else Purpose.RUN
    envelope = order(stack, "t-1.web-3", purpose=wrong)
    text = order_message(envelope) if wrong is Purpose.STOP else json.dumps(GOOD | {"body": json.dumps(envelope)})
    server.lpush(queue, text)
    wait_until(lambda: refused(server, "web-3").get("bad-signature", 0) == before + 1, "the refusal to be told")
    assert serves(assistant, "web-3")


OTHER_TASKS = [
    "celery.starmap", "celery.chord", "celery.backend_cleanup", "cloudassist.redeliver", "cloudassist.occur",
    "cloudassist.foresee",
]  # fmt: skip


@pytest.mark.matrix("F52")
@pytest.mark.parametrize("task", OTHER_TASKS)
def test_a_genuine_order_runs_no_other_task(assistant, stack, server, pids, task):
    before = refused(server, "web-3").get("unknown-task", 0)
    server.lpush("instance.web-3", order_message(order(stack, "t-1.web-3"), task=task))
    wait_until(lambda: refused(server, "web-3").get("unknown-task", 0) == before + 1, "the refusal to be told")
    log = (stack.data_dir / "logs" / "agent@web-3.log").read_text()
    assert "t-1.web-3" not in log


@pytest.mark.matrix("F51")
def test_a_payload_that_was_exchanged_is_not_run(assistant, stack, server, pids, tmp_path):
    """Script, timeout and user are bound to the order by the payload's hash."""
    stack.kill("agent@web-3", signal.SIGSTOP)
    try:
        invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-3"])
        place = server.hget(keys.invocation(invocation.invoke_id), "payload")
        payload = json.loads(server.get(place))
        server.set(place, json.dumps(payload | {"timeout": 86_400, "username": "root"}), keepttl=True)
    finally:
        stack.kill("agent@web-3", signal.SIGCONT)
    wait_until(lambda: refused(server, "web-3").get("bad-payload-hash"), "the refusal to be told")
    invocation.stop()
    invocation.wait(timeout=20)
    assert runs(tmp_path) == []


@pytest.mark.matrix("F51", "I1")
def test_what_has_run_does_not_run_again_whatever_is_taken_off_the_server(assistant, stack, server, pids, tmp_path):
    """Against whoever writes to the server: the claim is gone, the record runs again, its order comes again."""
    invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-3"])
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
    record_id = f"{invocation.invoke_id}.web-3"
    fields = server.hgetall(keys.invocation(invocation.invoke_id))
    envelope = order(
        stack, record_id, start_by=int(fields["start_by"]), payload_key=fields["payload"], payload_hash=fields["hash"]
    )
    server.delete(f"claim:web-3:{record_id}")
    server.hset(keys.record(record_id), mapping={"status": "Running"})
    server.hdel(keys.record(record_id), "sequence", "finish_time", "start_time")
    server.zadd(keys.DUE, {record_id: 0})
    server.lpush("instance.web-3", order_message(envelope))
    wait_until(lambda: server.hget(keys.record(record_id), "status") == "Finished", "the journal to say it again")
    assert runs(tmp_path) == [record_id]
    # The books were falsified, and only whoever looks through all of them can tell.
    with Ledger(stack.url) as ledger:
        found = list(findings(ledger, stack.settings, repair=True))
    assert [(each.kind, each.where, each.repaired) for each in found] == [(Kind.COUNTER, invocation.invoke_id, True)]
