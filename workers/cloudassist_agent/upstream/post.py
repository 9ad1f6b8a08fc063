"""How an instance publishes: each body as it is, with its MAC in the header."""

import json
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from cloudassist import keyring, topology
from cloudassist.messages import MAC_HEADER
from cloudassist.pushing import Message, mold, push
from cloudassist_agent.upstream.wire import Wire

_REPORT: Final = mold({MAC_HEADER: "%(mac)s"}, {})
_as_text: Final = json.JSONEncoder().encode


class Post:
    """Publishes to ``reports``; ``mac_key`` returns the key of an instance's messages. For one thread at a time."""

    def __init__(self, wire: Wire, mac_key: Callable[[str], bytes]) -> None:
        self._wire = wire
        self._mac_key = mac_key

    def publish(self, bodies: Sequence[tuple[str, str]]) -> None:
        """Publish (instance, body) pairs; raises ServiceUnavailableError."""
        tags = secrets.token_hex(8)
        messages = [self._message(*pair, f"{tags}-{number}") for number, pair in enumerate(bodies, 1)]
        with self._wire.connection() as connection:
            push(connection, messages)

    def _message(self, instance_id: str, body: str, tag: str) -> Message:
        mac = keyring.mac(self._mac_key(instance_id), body.encode())
        content = {"body": _as_text(body), "queue": topology.REPORTS_QUEUE, "mac": mac, "tag": tag}
        return Message(topology.REPORTS_QUEUE, _REPORT % content)
