"""Channels that share their room for messages, on a real server: who begins to wait for a message, and when."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer

from cloudassist.transport import direct_queue
from support.waiting import wait_until

TRANSPORT = "cloudassist.guarded:GuardedTransport"
OPTIONS = {"ack_emulation": False, "priority_steps": [0], "polling_interval": 1}
TURN_SECONDS = 0.2


@pytest.fixture
def connection(server_url: str, server: redis.Redis) -> Iterator[Connection]:
    with Connection(server_url, transport=TRANSPORT, transport_options=OPTIONS) as connection:
        yield connection


def consume(connection: Connection, queue: str, room_of: Any = None) -> tuple[Consumer, list[Any]]:
    """Consume a queue on a channel of its own; return its consumer, and the messages that have come."""
    channel, came = connection.channel(), []
    if room_of is not None:
        channel.share_room(room_of)
    consumer = Consumer(channel, queues=[direct_queue(queue)], on_message=came.append, auto_declare=False)
    consumer.consume()
    return consumer, came


def turns(connection: Connection, condition: Callable[[], bool], what: str) -> None:
    """Take messages until something is so."""

    def turn() -> bool:
        with contextlib.suppress(TimeoutError):
            connection.drain_events(timeout=TURN_SECONDS)
        return condition()

    wait_until(turn, what)


def send(connection: Connection, *queues: str) -> None:
    producer = connection.Producer()
    for queue in queues:
        producer.publish({}, routing_key=queue, exchange="")


def waiting(server: redis.Redis) -> int:
    """Return how many connections wait for a message."""
    return int(server.info("clients")["blocked_clients"])


def test_where_there_is_no_room_no_pop_begins_and_all_begin_when_there_is(connection, server):
    first, came = consume(connection, "first")
    _, others = consume(connection, "second", first.channel)
    first.qos(prefetch_count=1)
    turns(connection, lambda: waiting(server) == 2, "both to wait")
    send(connection, "first", "second", "first", "second")
    # One message each had been asked for while there was room.
    turns(connection, lambda: len(came) + len(others) == 2, "a message of each")
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=TURN_SECONDS)
    assert waiting(server) == 0
    assert [server.llen("first"), server.llen("second")] == [1, 1]
    for message in (*came, *others):
        message.ack()
    turns(connection, lambda: len(came) + len(others) == 4, "the other two")


def test_a_pop_that_was_lost_begins_again(connection, server):
    _, came = consume(connection, "first")
    turns(connection, lambda: waiting(server) == 1, "it to wait")
    server.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(connection.connection_errors):
        turns(connection, lambda: False, "the loss to be noticed")
    send(connection, "first")
    turns(connection, lambda: len(came) == 1, "the message")


def test_what_is_cancelled_does_not_begin_again(connection, server):
    consumer, _ = consume(connection, "first")
    _, others = consume(connection, "second")
    turns(connection, lambda: waiting(server) == 2, "both to wait")
    consumer.cancel()
    consumer.channel.hang_up()
    send(connection, "second")
    turns(connection, lambda: len(others) == 1 and waiting(server) == 1, "only the other to go on")
