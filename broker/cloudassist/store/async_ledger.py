"""The same connection for asyncio; everything but waiting is in :mod:`cloudassist.store.exchange`."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from cloudassist import tls
from cloudassist.settings import Settings
from cloudassist.store import server
from cloudassist.store.call import Call
from cloudassist.store.exchange import (
    ANSWER_SECONDS,
    NOTICE_GAP_SECONDS,
    REACHABLE_AGAIN_SECONDS,
    Requests,
    exchange,
    raise_first,
    translated_errors,
)


class AsyncLedger:
    """An asyncio connection; safe to share between the tasks of one event loop."""

    def __init__(self, url: str, master: str, tls_options: Mapping[str, Any]) -> None:
        self.url = url
        self._client = server.async_client(url, master, ANSWER_SECONDS, tls_options)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the ledger that settings name."""
        return cls(settings.url, settings.sentinel_master, tls.options(settings))

    async def run(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Carry out calls in one round trip, in order; raises the first error after all were tried."""
        if not calls:
            return []
        with translated_errors(self.url):
            talk = exchange(calls)
            requests = next(talk)
            while True:
                answers = await self._send(requests)
                try:
                    requests = talk.send(answers)
                except StopIteration as end:
                    return raise_first(end.value, self.url)

    @contextlib.asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator["AsyncListener"]:
        """Hear of changes on a channel from here on; while the server is away, from its return on."""
        async with self._client.pubsub() as pubsub:
            listener = AsyncListener(pubsub, channel)
            await listener.wait(0)
            yield listener

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _send(self, requests: Requests) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for words in requests:
            pipeline.execute_command(*words)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers


class AsyncListener:
    """Notices from one channel, as :class:`~cloudassist.store.ledger.Listener` hears them."""

    def __init__(self, pubsub: PubSub, channel: str) -> None:
        self._pubsub = pubsub
        self._channel = channel
        self._subscribed = False

    async def wait(self, seconds: float) -> bool:
        """Wait for a notice, at most so long and never longer than 2 s; tell whether one came."""
        deadline = time.monotonic() + min(seconds, NOTICE_GAP_SECONDS)
        heard = await self._hear(0)
        while not heard and (left := deadline - time.monotonic()) > 0:
            heard = await self._hear(left)
        while heard and await self._hear(0):
            pass
        return heard

    async def _hear(self, seconds: float) -> bool:
        try:
            if not self._subscribed:
                await self._pubsub.subscribe(self._channel)
                self._subscribed = True
            message = await self._pubsub.get_message(timeout=seconds)
        except (RedisError, OSError):
            await asyncio.sleep(min(seconds, REACHABLE_AGAIN_SECONDS))
            return False
        return message is not None and message["type"] == "message"
