"""Orders out: sign each, put it into its message, and push them all in as few round trips as will do.

The message is Celery's protocol 2 as kombu writes it, with the headers that mean something here; the agent believes
none of them and rebuilds them from the order. What all messages have in common is written once: kombu's own way through
a producer takes as long as signing and everything else together.

A push that fails leaves part of the orders out; they are silent then, and the sweeper has them sent again.
"""

import json
import logging
import secrets
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final, NamedTuple

from kombu.exceptions import OperationalError
from kombu.transport.redis import exceptions

from cloudassist import topology, transport
from cloudassist.keyring import SigningKey
from cloudassist.orders import Order, Purpose
from cloudassist.settings import Settings
from cloudassist.store.request import pack

log = logging.getLogger(__name__)

BATCH: Final = 500
"""Messages per round trip: few enough that the server never reads for longer than a few milliseconds at a time."""

_encode = json.JSONEncoder(separators=(",", ":")).encode


def _mold(headers: dict[str, Any], properties: dict[str, Any]) -> str:
    """Return the text of a message with places for its record, its queue, its delivery tag and its body."""
    message = {
        "body": "%(body)s",
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            **properties,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "%(queue)s"},
            "priority": 0,
            "body_encoding": None,
            "delivery_tag": "%(tag)s",
        },
    }
    # The body comes with the quotes of its JSON; ids and queue names have no character that JSON would escape.
    return _encode(message).replace('"%(body)s"', "%(body)s")


_RUN: Final = _mold(
    {
        "lang": "py",
        "task": topology.RUN_TASK,
        # The representations are given: whoever reads messages for people would show the arguments.
        "argsrepr": "()",
        "kwargsrepr": "{}",
        "id": "%(record)s",
        "root_id": "%(record)s",
    },
    {"correlation_id": "%(record)s"},
)
_STOP: Final = _mold({}, {})


class Message(NamedTuple):
    """An order on its way: the queue it goes to, and the text that is put there."""

    queue: str
    text: str


class Fanout:
    """Publishes orders over one connection of its own; safe to share between threads."""

    def __init__(self, settings: Settings, key: SigningKey) -> None:
        self._key = key
        self._lock = Lock()
        self._connection = transport.connection(settings)

    def sign(self, orders: Sequence[Order]) -> list[Message]:
        """Return the message of each order, signed."""
        tags = secrets.token_hex(8)
        return [_message(order, order.seal(self._key), f"{tags}-{number}") for number, order in enumerate(orders, 1)]

    def publish(self, messages: Sequence[Message]) -> bool:
        """Send messages out; tell whether all are known to be out."""
        if not messages:
            return True
        with self._lock:
            try:
                self._publish(messages)
            except (OperationalError, *self._connection.connection_errors, *self._connection.channel_errors) as error:
                log.warning("%d orders may not be out and will be sent again: %s", len(messages), error)
                self._connection.collect()
                return False
        return True

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.collect()

    def _publish(self, messages: Sequence[Message]) -> None:
        pool = self._connection.default_channel.pool
        connection = pool.get_connection()
        try:
            for start in range(0, len(messages), BATCH):
                _push(connection, messages[start : start + BATCH])
        except BaseException:
            # What it would read next is the answer to something else.
            connection.disconnect()
            raise
        finally:
            pool.release(connection)


def _push(connection: Any, messages: Sequence[Message]) -> None:
    """Put messages into their queues in one round trip; raises the first error after all were tried."""
    connection.send_packed_command([pack(("LPUSH", *message) for message in messages)])
    refused: Exception | None = None
    for _ in messages:
        try:
            connection.read_response()
        except exceptions.ResponseError as error:
            refused = refused or error
    if refused:
        raise refused


def _message(order: Order, envelope: list[str], tag: str) -> Message:
    """Return the message that carries an order."""
    # The parts are printable ASCII, in which JSON escapes two characters: that by hand takes a third of the time.
    content = f"[{','.join(map(_quoted, envelope))}]"
    mold = _STOP
    queue = topology.control_queue(order.instance_id)
    if order.purpose is Purpose.RUN:
        mold, content = _RUN, f"[[{content}],{{}},{{}}]"
        queue = topology.instance_queue(order.instance_id)
    return Message(queue, mold % {"body": _quoted(content), "queue": queue, "record": order.record_id, "tag": tag})


def _quoted(text: str) -> str:
    """Return printable ASCII as a string of JSON."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
