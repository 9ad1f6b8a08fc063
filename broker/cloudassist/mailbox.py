"""Celery's remote control, published once, and with an ear for those who may look and change nothing.

kombu publishes a request and its reply until the server takes them, however long that lasts. A worker answers on its
main loop, so a question that came just before an outage held it, and every signal to it, until the server was back.
A reply that cannot be sent is lost instead: whoever asked has given up after a second anyway.

Flower asks on an exchange of its own, since the server's rights tell channels apart, but not questions from commands.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery.app.control import Control as CeleryControl
from kombu import Consumer, Exchange, Queue
from kombu.pidbox import Mailbox as KombuMailbox
from kombu.pidbox import Node as KombuNode

from cloudassist import remote, topology


class _Once:
    """A producer that tries to publish once, whatever it is told."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def publish(self, body: Any, **options: Any) -> Any:
        """Publish, or raise."""
        return self._producer.publish(body, **{**options, "retry": False})


class Node(KombuNode):  # type: ignore[misc]
    """A worker's end of the mailbox: hears its own exchange, and questions on Flower's.

    Which of the two a message came by is told by the queue alone: what it says of itself is its sender's word.
    """

    def listen(self, channel: Any = None, callback: Callable[..., Any] | None = None) -> Any:
        """Begin to hear; returns kombu's consumer of the first exchange. Both end with the channel."""
        hear = callback or self.handle_message
        found = super().listen(channel=channel, callback=hear)

        def look(body: Any, message: Any) -> None:
            if isinstance(body, dict) and body.get("method") in remote.READ_ONLY:
                hear(body, message)

        Consumer(
            channel or self.channel,
            [self._questions()],
            callbacks=[look],
            no_ack=True,
            accept=self.mailbox.accept,
            on_decode_error=self.on_decode_error,
        ).consume()
        return found

    def _questions(self) -> Queue:
        name = f"{topology.FLOWER_EXCHANGE}.pidbox"
        exchange = Exchange(name, type="fanout", durable=False, delivery_mode="transient")
        return Queue(f"{self.hostname}.{name}", exchange=exchange, durable=False, auto_delete=True)


class Mailbox(KombuMailbox):  # type: ignore[misc]
    """kombu's mailbox, without retries."""

    node_cls = Node

    @contextmanager
    def producer_or_acquire(self, producer: Any = None, channel: Any = None) -> Iterator[_Once]:
        """Yield the producer to publish with."""
        with super().producer_or_acquire(producer, channel) as found:
            yield _Once(found)


class Control(CeleryControl):  # type: ignore[misc]
    """The remote control of an application of ours."""

    Mailbox = Mailbox
