"""The few keys of the server that an agent touches itself: claims, presence, owner, and the payload of an order.

A command that fails on a connection gone stale is tried once more on a new one: setting a claim twice is the same as
setting it once. What several threads ask at a time goes in one round trip.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from celery import Celery

from cloudassist import topology
from cloudassist.errors import ServiceUnavailableError
from cloudassist.orders import Order
from cloudassist.request import Word
from cloudassist.round_trip import ask
from cloudassist_agent.clock import ServerClock
from cloudassist_agent.together import Together
from cloudassist_agent.upstream.wire import Wire

_Question = Sequence[tuple[Word, ...]]
"""Requests that belong together."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim: who held it before (None: nobody), the payload (None: gone), and the server's time."""

    holder: str | None
    payload: bytes | None
    now: int


class Link:
    """The connection; safe to share between threads. Raises ServiceUnavailableError."""

    def __init__(self, app: Celery, clock: ServerClock) -> None:
        # Not checked before it is used, which would cost an idle agent's claim a round trip: what fails is tried again.
        options = {"health_check_interval": 0}
        self._wire = Wire(lambda: app.connection_for_write(transport_options=options), "claims and signs of life wait")
        self._clock = clock
        self._askers = Together(self._ask_all)

    def claim(self, order: Order, value: str) -> Claim:
        """Claim a record unless somebody has, and read its payload, in one round trip."""
        key = topology.claim_key(order.instance_id, order.record_id)
        claims = ("SET", key, value, "NX", "GET", "PXAT", order.expires)
        now, holder, payload = self._ask(("TIME",), claims, ("GET", order.payload_key))
        return Claim(None if holder is None else holder.decode(errors="replace"), payload, self._clock.learn(now))

    def give_up(self, order: Order, value: str) -> None:
        """Claim a record so that nobody ever starts it, if it is free or was claimed with this value."""
        key = topology.claim_key(order.instance_id, order.record_id)
        refuses = ("SET", key, topology.REFUSED_CLAIM, "GET", "PXAT", order.expires)
        (holder,) = self._ask((*refuses, "NX"))
        if holder is not None and holder.decode(errors="replace") == value:
            self._ask(refuses)

    def acquire(self, presence: Mapping[str, bytes], lifetime_ms: int) -> dict[str, bytes]:
        """Set the presence of each instance where none is set; return those that were set before."""
        return self._set_presence(presence, "PX", lifetime_ms, "NX")

    def set_presence(self, presence: Mapping[str, bytes], lifetime_ms: int) -> dict[str, bytes]:
        """Set the presence of each instance; return what was there before."""
        return self._set_presence(presence, "PX", lifetime_ms)

    def owners(self, instance_ids: Iterable[str]) -> dict[str, str]:
        """Return whose each instance id is; none for one that nobody has registered."""
        names = list(instance_ids)
        (found,) = self._ask(("MGET", *map(topology.owner_key, names)))
        pairs = zip(names, found, strict=True)
        return {name: owner.decode(errors="replace") for name, owner in pairs if owner is not None}

    def key_set(self) -> bytes | None:
        """Return the newest key set that lies on the server; None where there is none."""
        (document,) = self._ask(("GET", topology.KEY_SET_KEY))
        return None if document is None else bytes(document)

    def doubt(self) -> None:
        """Have a new connection made for the next command."""
        self._wire.doubt()

    def close(self) -> None:
        """Close the connection."""
        with self._askers.way:
            self._wire.close()

    def _set_presence(self, presence: Mapping[str, bytes], *options: Word) -> dict[str, bytes]:
        keys = map(topology.presence_key, presence)
        sets = [("SET", key, value, "GET", *options) for key, value in zip(keys, presence.values(), strict=True)]
        now, *before = self._ask(("TIME",), *sets)
        self._clock.learn(now)
        pairs = zip(presence, before, strict=True)
        return {instance_id: held for instance_id, held in pairs if held is not None}

    def _ask(self, *question: tuple[Word, ...]) -> list[Any]:
        answers: list[Any] = self._askers.ask(question)
        return answers

    def _ask_all(self, questions: Sequence[_Question]) -> list[list[Any]]:
        try:
            return self._try(questions)
        except ServiceUnavailableError:
            return self._try(questions)

    def _try(self, questions: Sequence[_Question]) -> list[list[Any]]:
        with self._wire.connection() as connection:
            answers = iter(ask(connection, list(chain.from_iterable(questions))))
        return [list(islice(answers, len(question))) for question in questions]
