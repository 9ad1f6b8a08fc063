"""Celery's remote control, published once.

kombu publishes a request and its reply until the server takes them, however long that lasts. A worker answers on its
main loop, so a question that came just before an outage held it, and every signal to it, until the server was back.
A reply that cannot be sent is lost instead: whoever asked has given up after a second anyway.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.app.control import Control as CeleryControl
from kombu.pidbox import Mailbox as KombuMailbox


class _Once:
    """A producer that tries to publish once, whatever it is told."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def publish(self, body: Any, **options: Any) -> Any:
        """Publish, or raise."""
        return self._producer.publish(body, **{**options, "retry": False})


class Mailbox(KombuMailbox):  # type: ignore[misc]
    """kombu's mailbox, without retries."""

    @contextmanager
    def producer_or_acquire(self, producer: Any = None, channel: Any = None) -> Iterator[_Once]:
        """Yield the producer to publish with."""
        with super().producer_or_acquire(producer, channel) as found:
            yield _Once(found)


class Control(CeleryControl):  # type: ignore[misc]
    """The remote control of an application of ours."""

    Mailbox = Mailbox
