"""Keys are replaced while runs go on, and one that is revoked counts for nothing within the minute."""

import json
import threading

import pytest
import redis

from cloudassist import Assistant, InvokeStatus, LocalStack, topology
from cloudassist.keyring import SigningKey, create_key
from cloudassist.keyset import KeySet, Root, TrustedKey
from cloudassist.orders import Order, Purpose
from cloudassist.settings import Settings, read
from cloudassist.store import keys
from support import verbs
from support.malformed import order_message
from support.stacks import FAST
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120), pytest.mark.matrix("F19")]

NAMES = ["web-1", "web-2"]


@pytest.fixture(scope="module")
def stack():
    with LocalStack(instances=NAMES, environment=FAST) as stack:
        yield stack


@pytest.fixture
def server(stack):
    with redis.Redis.from_url(stack.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def key_set(stack):
    def key_set(*arguments):
        done = verbs.run(stack.environment("admin"), "key-set", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return key_set


def shown(key_set):
    return json.loads(key_set("show", "--json"))


def wait_for_all_to_know(key_set):
    def known():
        now = shown(key_set)
        return now["KnownBy"] == {str(now["Version"]): len(NAMES)}

    wait_until(known, "all instances to know the key set")


def restart(stack, name):
    stack.kill(name)
    stack.start(name)
    stack.wait_ready()


def refusals(server, instance_id, reason):
    return json.loads(server.get(topology.presence_key(instance_id)))["refused"].get(reason, 0)


class Producer:
    """Runs a script on all instances again and again; a failure of any is kept."""

    def __init__(self, stack, signing_key):
        self.environment = stack.environment("producer") | {"CLOUDASSIST_SIGNING_KEY": str(signing_key)}
        self.statuses = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with Assistant(settings=read(Settings, self.environment)) as assistant:
            while not self._end.is_set():
                self.statuses.append(assistant.run_command("true", instance_ids=NAMES).wait(20).status)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(30)
        assert set(self.statuses) == {InvokeStatus.FINISHED}


def test_a_signing_key_is_replaced_while_runs_go_on(stack, server, key_set, tmp_path):
    file = stack.data_dir / "keys" / "signing.key"
    old = SigningKey.load(file)
    stolen = tmp_path / "stolen.key"
    stolen.write_text(file.read_text())
    with stack.assistant() as assistant:
        task = assistant.run_command("true", instance_ids=NAMES, frequency="rate(10s)")
    with Producer(stack, stolen) as before:
        wait_until(lambda: before.statuses, "the first run")
        key_set("add", str(tmp_path / "new.key"), "--publish")
        wait_for_all_to_know(key_set)
        file.write_text((tmp_path / "new.key").read_text())
        restart(stack, "dispatch-1")
        with Producer(stack, file) as after:
            count = len(before.statuses)
            wait_until(lambda: after.statuses and len(before.statuses) > count, "both keys to count")
    with Producer(stack, file) as after:
        refused = verbs.run(stack.environment("admin"), "key-set", "revoke", old.kid, "--publish")
        assert "1 recurring tasks were ordered under" in refused.stderr
        assert key_set("reseal").startswith("1 of 1 recurring tasks were signed anew")
        key_set("revoke", old.kid, "--publish")
        wait_for_all_to_know(key_set)
        count = len(after.statuses)
        wait_until(lambda: len(after.statuses) > count, "a run under the new key alone")
        order = Order(Purpose.RUN, "t-1.web-1", 0, expires=2**52, start_by=2**52, payload_key="payload:x")
        known = refusals(server, "web-1", "unknown-key")
        server.lpush("instance.web-1", order_message(order.seal(old)))
        wait_until(lambda: refusals(server, "web-1", "unknown-key") == known + 1, "the revoked key to be refused")
        moments = server.zcard(keys.history(task.invoke_id))
        wait_until(lambda: server.zcard(keys.history(task.invoke_id)) > moments, "the task to go on", 25)
        task.stop()
        task.wait(20)


def test_the_report_key_is_replaced_while_runs_go_on(stack, key_set, tmp_path):
    file = stack.data_dir / "keys" / "report.key"
    create_key(tmp_path / "report.key", "report")
    old, new = file.read_text(), (tmp_path / "report.key").read_text()
    with Producer(stack, stack.data_dir / "keys" / "signing.key") as producer:
        wait_until(lambda: producer.statuses, "the first run")
        file.write_text(new + old)
        restart(stack, "control-1")
        key_set("report", "--publish")
        wait_for_all_to_know(key_set)
        file.write_text(new)
        restart(stack, "control-1")
        count = len(producer.statuses)
        wait_until(lambda: len(producer.statuses) > count + 1, "runs under the new key alone")


def test_an_older_key_set_or_a_forged_one_on_the_server_changes_nothing(stack, server, key_set, tmp_path):
    good = server.get(topology.KEY_SET_KEY)
    known = shown(key_set)["Version"]
    root = SigningKey.load(stack.data_dir / "keys" / "root.key", "root")
    stranger = SigningKey.from_seed(b"s" * 32)
    report = KeySet.open(good, Root(root.public)).report
    older = KeySet(known - 1 or 1, report, (TrustedKey(stranger.public),)).seal(root)
    forged = KeySet(known + 1, report, (TrustedKey(stranger.public),)).seal(stranger)
    key_set("add", str(tmp_path / "unused.key"), "--publish")
    wait_for_all_to_know(key_set)
    newest = server.get(topology.KEY_SET_KEY)
    for document, reason in ((older, "old-key-set"), (forged, "bad-signature"), ("junk", "not-json")):
        count = refusals(server, "web-1", reason)
        server.set(topology.KEY_SET_KEY, document)
        wait_until(lambda: refusals(server, "web-1", reason) > count, f"the refusal {reason}")  # noqa: B023
        assert stack.assistant().run_command("true", instance_ids=NAMES).wait(20).status is InvokeStatus.FINISHED
    wait_until(lambda: server.get(topology.KEY_SET_KEY) == newest, "a control worker to put it right", 20)


def test_a_key_that_is_not_there_cannot_be_revoked_nor_the_last_one(stack, key_set):
    environment = stack.environment("admin")
    gone = verbs.run(environment, "key-set", "revoke", "0123456789abcdef")
    assert gone.returncode == 2
    assert "is not in the key set" in gone.stderr
    kids = [key["KeyId"] for key in shown(key_set)["Signing"]]
    for kid in kids[:-1]:
        key_set("revoke", kid)
    last = verbs.run(environment, "key-set", "revoke", kids[-1])
    assert last.returncode == 2
    assert "add its successor first" in last.stderr
