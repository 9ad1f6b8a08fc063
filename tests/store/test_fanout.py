"""Orders out, on a real server."""

import json

import pytest
from kombu import Connection
from redis.exceptions import ResponseError

from cloudassist import transport
from cloudassist.fanout import Fanout
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet, TrustedKey
from cloudassist.orders import Order, Purpose
from cloudassist.pushing import BATCH
from cloudassist.settings import Settings
from support.servers import private_server

KEY = SigningKey.from_seed(b"k" * 32)
KEYS = KeySet(1, b"r" * 32, (TrustedKey(KEY.public),))
FAR = 2**45


def order(name, purpose=Purpose.RUN):
    return Order(purpose, f"t-1.{name}", 3, FAR, FAR, "payload:x", "hash")


@pytest.fixture
def fanout(settings, server):
    fanout = Fanout(settings, KEY)
    yield fanout
    fanout.close()


def kombus_own(url, sent, envelope):
    """Publish the same content through kombu's producer; return what it pushed."""
    run = sent.purpose is Purpose.RUN
    headers = {"lang": "py", "task": "cloudassist.run", "argsrepr": "()", "kwargsrepr": "{}"}
    identity = {"id": sent.record_id, "root_id": sent.record_id}
    with Connection(url, transport_options=transport.options(Settings(url=url))) as connection:
        connection.Producer(auto_declare=False).publish(
            ((envelope,), {}, {}) if run else envelope,
            exchange="",
            routing_key="theirs",
            serializer="json",
            headers={**headers, **identity} if run else None,
            **({"correlation_id": sent.record_id} if run else {}),
        )
        return json.loads(connection.default_channel.client.rpop("theirs"))


@pytest.mark.parametrize(("purpose", "prefix"), [(Purpose.RUN, "instance."), (Purpose.STOP, "control.")])
def test_a_message_is_what_kombu_would_have_written(fanout, server, server_url, purpose, prefix):
    sent = order("web-1", purpose)
    assert fanout.publish(fanout.sign([sent]))
    ours = json.loads(server.rpop(prefix + "web-1"))
    content = json.loads(ours.pop("body"))
    envelope = content[0][0] if purpose is Purpose.RUN else content
    assert Order.open(purpose, envelope, KEYS, 0) == sent
    theirs = kombus_own(server_url, sent, envelope)
    assert json.loads(theirs.pop("body")) == content
    for message in (ours, theirs):
        assert message["properties"].pop("delivery_tag")
        message["properties"]["delivery_info"].pop("routing_key")
    assert ours == theirs


def test_every_order_gets_a_message_and_a_tag_of_its_own(fanout, server):
    names = [f"web-{number}" for number in range(2 * BATCH + 3)]
    assert fanout.publish(fanout.sign([order(name) for name in names]))
    messages = [json.loads(server.rpop(f"instance.{name}")) for name in names]
    assert [message["headers"]["id"] for message in messages] == [f"t-1.{name}" for name in names]
    assert len({message["properties"]["delivery_tag"] for message in messages}) == len(names)


@pytest.mark.matrix("F2")
def test_a_publish_that_fails_is_told_and_raises_nothing(tmp_path, settings):
    with private_server(tmp_path) as url:
        fanout = Fanout(type(settings)(url=url), KEY)
        assert fanout.publish(fanout.sign([order("web-1")]))
    assert not fanout.publish(fanout.sign([order("web-1")]))
    assert not fanout.publish(fanout.sign([order("web-1")]))
    fanout.close()


def test_a_server_that_refuses_to_write_is_a_publish_that_failed(fanout, server):
    assert fanout.publish(fanout.sign([order("web-1")]))
    server.set("instance.web-1", "not a list", ex=60)
    with pytest.raises(ResponseError):
        server.lpush("instance.web-1", "x")
    assert not fanout.publish(fanout.sign([order("web-1")]))
    server.delete("instance.web-1")
    assert fanout.publish(fanout.sign([order("web-1")]))
