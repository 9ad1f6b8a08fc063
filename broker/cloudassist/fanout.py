"""Orders out: sign each, wrap it as a Celery task message or a stop, publish them all in one batch.

The message is Celery's protocol 2 with the headers that mean something here; the agent believes none of them and
rebuilds them from the order. A flush that fails leaves part of the orders out; they are silent then, and the sweeper
has them sent again.
"""

import logging
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

from kombu.exceptions import OperationalError

from cloudassist import topology, transport
from cloudassist.keyring import SigningKey
from cloudassist.orders import Order, Purpose
from cloudassist.settings import Settings

log = logging.getLogger(__name__)

BATCH: Final = 500
"""Messages per flush: small enough that the server never reads for longer than a few milliseconds at a time."""

_HEADERS: Final = {"lang": "py", "task": topology.RUN_TASK, "argsrepr": "()", "kwargsrepr": "{}"}
"""What all runs have in common. The representations are given, or kombu's clients would show the arguments."""


class Fanout:
    """Publishes orders over one connection of its own; safe to share between threads."""

    def __init__(self, settings: Settings, key: SigningKey) -> None:
        self._key = key
        self._lock = Lock()
        self._connection = transport.connection(settings)
        self._producer: Any = None

    def publish(self, orders: Sequence[Order]) -> bool:
        """Sign and publish; tell whether all are known to be out."""
        if not orders:
            return True
        with self._lock:
            try:
                self._publish(orders)
            except (OperationalError, *self._connection.connection_errors, *self._connection.channel_errors) as error:
                log.warning("%d orders may not be out and will be sent again: %s", len(orders), error)
                self._disconnect()
                return False
        return True

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._disconnect()

    def _publish(self, orders: Sequence[Order]) -> None:
        if self._producer is None:
            self._producer = self._connection.Producer(serializer="json", auto_declare=False)
        with self._producer.batch(BATCH):
            for order in orders:
                envelope = order.seal(self._key)
                if order.purpose is Purpose.RUN:
                    self._send_run(order, envelope)
                else:
                    self._producer.publish(envelope, exchange="", routing_key=topology.control_queue(order.instance_id))

    def _send_run(self, order: Order, envelope: list[str]) -> None:
        self._producer.publish(
            ((envelope,), {}, {}),
            exchange="",
            routing_key=topology.instance_queue(order.instance_id),
            headers={**_HEADERS, "id": order.record_id, "root_id": order.record_id},
            correlation_id=order.record_id,
        )

    def _disconnect(self) -> None:
        self._producer = None
        self._connection.collect()
