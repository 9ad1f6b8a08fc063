"""The connection to the server: carries calls, alone or many in one round trip, and hears of changes.

No command is ever repeated by itself: redis-py would retry ten times, and a retried take would lose reports
(docs/architecture.md). An answer that does not come is a ServiceUnavailableError and says nothing about the effect.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self, TypeVar

from redis.client import PubSub
from redis.exceptions import RedisError

from cloudassist import tls
from cloudassist.settings import Settings
from cloudassist.store import server
from cloudassist.store.call import Call
from cloudassist.store.exchange import (
    ANSWER_SECONDS,
    NOTICE_GAP_SECONDS,
    REACHABLE_AGAIN_SECONDS,
    exchange,
    raise_first,
)
from cloudassist.store.pending import Pending

T = TypeVar("T")


class Ledger:
    """A synchronous connection; safe to share between threads.

    ``loads`` False is for whoever has no right to load the functions, and waits for somebody who has.
    """

    def __init__(
        self,
        url: str,
        *,
        master: str = server.DEFAULT_MASTER,
        answer_seconds: float = ANSWER_SECONDS,
        loads: bool = True,
        tls_options: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.url = url
        self._loads = loads
        self._client = server.client(url, master, answer_seconds, tls_options)
        self._idle_listeners: list[tuple[PubSub, str]] = []

    @classmethod
    def of(cls, settings: Settings, *, loads: bool = True) -> Self:
        """Return the ledger that settings name."""
        return cls(settings.url, master=settings.sentinel_master, loads=loads, tls_options=tls.options(settings))

    def call(self, call: Call[T]) -> T:
        """Carry out one call."""
        answer: T = self.run([call])[0]
        return answer

    def run(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Carry out calls in one round trip, in order; raises the first error after all were tried."""
        return raise_first(self.try_all(calls), self.url)

    def try_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Carry out calls in one round trip, in order; what fails leaves its error in the list."""
        return self.begin(calls).finish() if calls else []

    def run_beside(self, work: Callable[[], T], calls: Sequence[Call[Any]]) -> tuple[list[Any], T]:
        """Carry out calls as :meth:`run` does, and do some work while the server is at it; return what both return."""
        if not calls:
            return [], work()
        pending = self.begin(calls)
        try:
            done = work()
        except BaseException:
            pending.abandon()
            raise
        return raise_first(pending.finish(), self.url), done

    def begin(self, calls: Sequence[Call[Any]]) -> Pending:
        """Send calls, and leave their answers for later: the server works on them meanwhile."""
        return Pending(self._client, self.url, exchange(calls, loads=self._loads))

    @contextlib.contextmanager
    def listen(self, channel: str) -> Iterator["Listener"]:
        """Hear of changes on a channel from here on; while the server is away, from its return on."""
        try:
            pubsub, before = self._idle_listeners.pop()
        except IndexError:
            pubsub, before = self._client.pubsub(), ""
        listener = Listener(pubsub, channel, before)
        try:
            yield listener
        finally:
            # It stays subscribed until it is used again: leaving would cost the caller a round trip.
            self._idle_listeners.append((pubsub, channel))

    def close(self) -> None:
        """Close every connection."""
        while self._idle_listeners:
            self._idle_listeners.pop()[0].close()
        self._client.close()

    def __enter__(self) -> Self:
        """Return the ledger; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self.close()


class Listener:
    """Notices from one channel. A notice only says that something changed; the ledger says what."""

    def __init__(self, pubsub: PubSub, channel: str, before: str) -> None:
        self._pubsub = pubsub
        self._channel = channel
        self._before = before
        self._subscribed = False
        self._hear(0)

    def wait(self, seconds: float) -> bool:
        """Wait for a notice, at most so long and never longer than 2 s; tell whether one came.

        Notices that have piled up count as one. While the server is away this only waits: the next look at the
        ledger tells the caller.
        """
        deadline = time.monotonic() + min(seconds, NOTICE_GAP_SECONDS)
        heard = False
        while not heard and (left := deadline - time.monotonic()) > 0:
            heard = self._hear(left)
        while heard and self._hear(0):
            pass
        return heard

    def _hear(self, seconds: float) -> bool:
        try:
            self._subscribe()
            message = self._pubsub.get_message(timeout=seconds)
        except (RedisError, OSError):
            # redis-py subscribes anew with the next connection; until then there is nothing to hear.
            time.sleep(min(seconds, REACHABLE_AGAIN_SECONDS))
            return False
        return message is not None and message["type"] == "message" and message["channel"] == self._channel.encode()

    def _subscribe(self) -> None:
        if not self._subscribed:
            if self._before:
                self._pubsub.unsubscribe(self._before)
            self._pubsub.subscribe(self._channel)
            self._subscribed = True
