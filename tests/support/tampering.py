"""Acts on messages: duplicated, put out of order, damaged, and sent again long after.

Messages rarely wait. So whoever takes them is held up until some do.
"""

import contextlib
from collections.abc import Callable, Iterable

import redis

from cloudassist import topology
from support.cast import NAMES, Cast
from support.damage import damaged
from support.load import Load
from support.mischief import Act, NothingToDoError, Pace
from support.waiting import wait_until

TIMES = 2
"""Times that each is done in a round; stops cost more, and each is done once."""
HELD_SECONDS = 1.5
"""Seconds that an act waits for what it needs, and holds up whoever takes messages, at most."""
REPLAYED = 5
"""Messages that are sent again at a time."""

Change = Callable[[str, list[bytes]], dict[str, list[bytes]]]
"""From a queue and what waits in it to what is to lie there instead, and in others besides."""


class Tampering:
    """What a worker does to the messages of a cast; what it has seen it can send again."""

    def __init__(self, cast: Cast, load: Load, pace: Pace) -> None:
        self._cast = cast
        self._load = load
        self._pace = pace
        self._seen: dict[tuple[str, bytes], None] = {}

    def acts(self) -> list[Act]:
        """Return all of them."""
        changes = (
            ("duplicate", 1, self._duplicated),
            ("reorder", 2, self._reordered),
            ("corrupt", 1, self._corrupted),
        )
        places = (("order", self._on_orders, TIMES), ("report", self._on_reports, TIMES), ("stop", self._on_stops, 1))
        several = [
            Act(f"{name} {what}", lambda on=on, least=least, change=change: on(least, change))
            for name, least, change in changes
            for what, on, times in places
            for _ in range(times)
        ]
        return several + [Act("replay", self._replay)] * TIMES

    def replay_all(self) -> None:
        """Send everything again that was seen."""
        self._push(self._seen)

    def are_taken(self) -> bool:
        """Tell whether nothing waits to be taken any more."""
        with self._server() as server:
            return not any(map(server.llen, [topology.REPORTS_QUEUE, *_ORDERS, *_STOPS]))

    def _on_orders(self, least: int, change: Change) -> None:
        name = self._pace.choices.choice(NAMES)
        with self._cast.agent(name).held():
            self._on(topology.instance_queue(name), least, change)

    def _on_reports(self, least: int, change: Change) -> None:
        with contextlib.ExitStack() as held:
            for part in self._cast.of("control"):
                held.enter_context(part.held())
            self._on(topology.REPORTS_QUEUE, least, change)

    def _on_stops(self, least: int, change: Change) -> None:
        """Stop scripts of an instance, one more than is needed: its agent waits for one already."""
        name = self._pace.choices.choice(NAMES)
        with self._cast.stack.assistant() as assistant:
            runs = [self._load.lasting(assistant, name) for _ in range(least + 1)]
            record_ids = [result.record_id for run in runs for result in run.results()]
            _wait(lambda: self._load.have_begun(record_ids))
            with self._cast.agent(name).held():
                for run in runs:
                    run.stop()
                self._on(topology.control_queue(name), least, change)

    def _on(self, queue: str, least: int, change: Change) -> None:
        """Change what waits in a queue, once so many messages do."""

        def exchange(pipe: redis.client.Pipeline) -> list[bytes]:
            waiting = pipe.lrange(queue, 0, -1)
            if len(waiting) < least:
                raise NothingToDoError
            pipe.multi()
            pipe.delete(queue)
            for name, messages in change(queue, waiting).items():
                pipe.rpush(name, *messages)
            return waiting

        with self._server() as server:
            _wait(lambda: server.llen(queue) >= least)
            waiting = server.transaction(exchange, queue, value_from_callable=True)
        self._seen |= dict.fromkeys((queue, message) for message in waiting)

    def _duplicated(self, queue: str, waiting: list[bytes]) -> dict[str, list[bytes]]:
        copy = self._pace.choices.choice(waiting)
        return {**{name: [copy] for name in _addressees(queue)}, queue: [*waiting, copy]}

    def _reordered(self, queue: str, waiting: list[bytes]) -> dict[str, list[bytes]]:
        place = self._pace.choices.randrange(1, len(waiting))
        return {queue: waiting[place:] + waiting[:place]}

    def _corrupted(self, queue: str, waiting: list[bytes]) -> dict[str, list[bytes]]:
        place = self._pace.choices.randrange(len(waiting))
        return {queue: [*waiting[:place], damaged(waiting[place], self._pace.choices), *waiting[place + 1 :]]}

    def _replay(self) -> None:
        """Send some messages again, of the oldest that were seen."""
        if not self._seen:
            raise NothingToDoError
        oldest = list(self._seen)[: 4 * REPLAYED]
        self._push(self._pace.choices.sample(oldest, min(REPLAYED, len(oldest))))

    def _push(self, messages: Iterable[tuple[str, bytes]]) -> None:
        with self._server() as server, server.pipeline(transaction=False) as pipe:
            for queue, message in messages:
                for name in _addressees(queue):
                    pipe.lpush(name, message)
            pipe.execute()

    def _server(self) -> redis.Redis:
        return redis.Redis.from_url(self._cast.stack.url, retry=None, socket_timeout=5)


def _wait(condition: Callable[[], object]) -> None:
    """Wait for what an act needs, not for long."""
    try:
        wait_until(condition, "what an act needs", HELD_SECONDS)
    except AssertionError:
        raise NothingToDoError from None


def _addressees(queue: str) -> list[str]:
    """Return where copies of a message go: one to an instance also to those whom it is not for."""
    return next((names for names in (_ORDERS, _STOPS) if queue in names), [queue])


_ORDERS = [topology.instance_queue(name) for name in NAMES]
_STOPS = [topology.control_queue(name) for name in NAMES]
