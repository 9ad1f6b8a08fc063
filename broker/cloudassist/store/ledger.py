"""The connection to the server: carries calls, alone or many in one round trip, and hears of changes.

No command is ever repeated by itself: redis-py would retry ten times, and a retried take would lose reports
(docs/architecture.md). An answer that does not come is a ServiceUnavailableError and says nothing about the effect.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, Self, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from cloudassist.errors import ConfigurationError, ServiceUnavailableError
from cloudassist.settings import PREFIX
from cloudassist.store import library
from cloudassist.store.call import Call, Word, command

T = TypeVar("T")

CONNECT_SECONDS: Final = 2.0
"""Seconds to reach the server."""
ANSWER_SECONDS: Final = 5.0
"""Seconds to wait for an answer."""
_OUT_OF_SERVICE: Final = (
    "UNBLOCKED",
    "READONLY",
    "read only replica",
    "LOADING",
    "MASTERDOWN",
    "NOREPLICAS",
    "MISCONF",
)
"""What stands in the error replies of a server that is not serving; redis-py cuts some of the codes off."""
NOTICE_GAP_SECONDS: Final = 2.0
"""Seconds after which a listener looks for itself, in case a notice was lost."""
_REACHABLE_AGAIN_SECONDS: Final = 0.5
"""Seconds between two attempts of a listener to reach the server."""


class Ledger:
    """A synchronous connection; safe to share between threads."""

    def __init__(self, url: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.url = url
        self._client = redis.Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=answer_seconds,
        )
        self._idle_listeners: list[tuple[redis.client.PubSub, str]] = []

    def call(self, call: Call[T]) -> T:
        """Carry out one call."""
        with self._translated():
            try:
                answer = self._client.execute_command(*call.words)
            except ResponseError as error:
                if not _is_missing(error):
                    raise
                self._load()
                answer = self._client.execute_command(*call.words)
        return call.decode(answer)

    def run(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Carry out calls in one round trip, in order; raises the first error after all were tried."""
        answers = self.try_all(calls)
        for answer in answers:
            if isinstance(answer, RedisError):
                with self._translated():
                    raise answer
        return answers

    def try_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Carry out calls in one round trip, in order; what fails leaves its error in the list."""
        if not calls:
            return []
        with self._translated():
            answers = self._pipeline([call.words for call in calls])
            missing = [index for index, answer in enumerate(answers) if _is_missing(answer)]
            if missing:
                self._load()
                again = self._pipeline([calls[index].words for index in missing])
                for index, answer in zip(missing, again, strict=True):
                    answers[index] = answer
            for answer in answers:
                if _is_out_of_service(answer):
                    raise answer
        return [
            answer if isinstance(answer, RedisError) else call.decode(answer)
            for call, answer in zip(calls, answers, strict=True)
        ]

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

    def _pipeline(self, requests: Sequence[tuple[Word, ...]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for words in requests:
            pipeline.execute_command(*words)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        return answers

    def _load(self) -> None:
        try:
            self._client.execute_command("FUNCTION", "LOAD", library.source())
        except NoPermissionError:
            raise ConfigurationError(
                "the server has no function library of this version and this user may not load it: start a control "
                "worker of this version first"
            ) from None
        except ResponseError as error:
            if "already exists" not in str(error):  # another process was faster
                raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        with translated_errors(self.url):
            yield


class Listener:
    """Notices from one channel. A notice only says that something changed; the ledger says what."""

    def __init__(self, pubsub: "redis.client.PubSub", channel: str, before: str) -> None:
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
            time.sleep(min(seconds, _REACHABLE_AGAIN_SECONDS))
            return False
        return message is not None and message["type"] == "message" and message["channel"] == self._channel.encode()

    def _subscribe(self) -> None:
        if not self._subscribed:
            if self._before:
                self._pubsub.unsubscribe(self._before)
            self._pubsub.subscribe(self._channel)
            self._subscribed = True


@contextlib.contextmanager
def translated_errors(url: str) -> Iterator[None]:
    """Turn redis-py's errors into ours."""
    try:
        yield
    except AuthenticationError as error:
        raise ConfigurationError(
            f"the server at {without_password(url)} refused the user or password: {error}"
        ) from None
    except NoPermissionError as error:
        raise ConfigurationError(
            f"the server at {without_password(url)} refuses this user a command: {error}"
        ) from None
    except (redis.ConnectionError, redis.TimeoutError, ResponseError, OSError) as error:
        if isinstance(error, ResponseError) and not _is_out_of_service(error):
            raise
        raise ServiceUnavailableError(
            f"no answer from the server at {without_password(url)} ({error}); "
            f"`make up` starts one, {PREFIX}URL names it"
        ) from None


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]


def publish(channel: str) -> Call[int]:
    """Return the call that tells a channel's listeners that something changed."""
    return command(int, "PUBLISH", channel, "")


def _is_out_of_service(answer: object) -> bool:
    """Tell whether an answer says that the server is not serving: it is a replica, loading, or its disk is full."""
    return isinstance(answer, ResponseError) and any(word in str(answer) for word in _OUT_OF_SERVICE)


def _is_missing(answer: object) -> bool:
    return isinstance(answer, ResponseError) and library.NOT_FOUND in str(answer)
