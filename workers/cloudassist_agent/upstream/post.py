"""How an instance publishes: each body as it is, with its MAC in the header."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from kombu import serialization

from cloudassist import keyring, topology
from cloudassist.messages import MAC_HEADER
from cloudassist_agent.upstream.wire import Wire

_SERIALIZER: Final = "cloudassist-report"
_CONTENT_TYPE: Final = "application/vnd.cloudassist.report+json"


class Post:
    """Publishes to ``reports``; ``mac_key`` returns the key of an instance's messages. For one thread at a time."""

    def __init__(self, wire: Wire, mac_key: Callable[[str], bytes]) -> None:
        self._wire = wire
        self._mac_key = mac_key
        self._producer: tuple[Any, Any] = (None, None)
        # A body that is text already: the MAC is over its very bytes, so nobody may write it anew.
        serialization.register(_SERIALIZER, _as_it_is, None, _CONTENT_TYPE, "utf-8")

    def publish(self, bodies: Sequence[tuple[str, str]]) -> None:
        """Publish (instance, body) pairs; raises ServiceUnavailableError."""
        with self._wire.connection() as connection:
            producer = self._producer_on(connection)
            # A batch costs more than it saves where there is but one, which is nearly always.
            with producer.batch() if len(bodies) > 1 else contextlib.nullcontext():
                for instance_id, body in bodies:
                    producer.publish(
                        body,
                        exchange="",
                        routing_key=topology.REPORTS_QUEUE,
                        headers={MAC_HEADER: keyring.mac(self._mac_key(instance_id), body.encode())},
                    )

    def _producer_on(self, connection: Any) -> Any:
        if self._producer[0] is not connection:
            self._producer = (connection, connection.Producer(serializer=_SERIALIZER, auto_declare=False))
        return self._producer[1]


def _as_it_is(body: str) -> str:
    return body
