"""Orders out: sign each, put it into its message, and push them all in as few round trips as will do.

The message is Celery's protocol 2 as kombu writes it, with the headers that mean something here; the agent believes
none of them and rebuilds them from the order.

A push that fails leaves part of the orders out; they are silent then, and the sweeper has them sent again.
"""

import logging
import secrets
from collections.abc import Sequence
from threading import Lock
from typing import Final

from kombu.exceptions import OperationalError

from cloudassist import topology, transport
from cloudassist.keyring import SigningKey
from cloudassist.orders import Order, Purpose
from cloudassist.pushing import Message, mold, push
from cloudassist.settings import Settings

log = logging.getLogger(__name__)

_RUN: Final = mold(
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
_STOP: Final = mold({}, {})


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
                push(self._connection, messages)
            except (OperationalError, *self._connection.connection_errors, *self._connection.channel_errors) as error:
                log.warning("%d orders may not be out and will be sent again: %s", len(messages), error)
                self._connection.collect()
                return False
        return True

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.collect()


def _message(order: Order, envelope: list[str], tag: str) -> Message:
    """Return the message that carries an order."""
    # The parts are printable ASCII, in which JSON escapes two characters: that by hand takes a third of the time.
    content = f"[{','.join(map(_quoted, envelope))}]"
    text = _STOP
    queue = topology.control_queue(order.instance_id)
    if order.purpose is Purpose.RUN:
        text, content = _RUN, f"[[{content}],{{}},{{}}]"
        queue = topology.instance_queue(order.instance_id)
    return Message(queue, text % {"body": _quoted(content), "queue": queue, "record": order.record_id, "tag": tag})


def _quoted(text: str) -> str:
    """Return printable ASCII as a string of JSON."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
