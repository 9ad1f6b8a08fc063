"""How calls are carried out, apart from the connection that carries them; and what its errors mean.

Synchronous and asynchronous ledgers send what :func:`exchange` yields and hand it the answers.
"""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

import redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from cloudassist import tls
from cloudassist.errors import ConfigurationError, ServiceUnavailableError, ThrottlingError
from cloudassist.request import Word
from cloudassist.settings import PREFIX
from cloudassist.store import library
from cloudassist.store.call import Call

ANSWER_SECONDS: Final = 5.0
"""Seconds to wait for an answer."""
NOTICE_GAP_SECONDS: Final = 2.0
"""Seconds after which a listener looks for itself, in case a notice was lost."""
REACHABLE_AGAIN_SECONDS: Final = 0.5
"""Seconds between two attempts of a listener to reach the server."""

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

_READS: Final = frozenset(
    {"GET", "HGET", "HGETALL", "HMGET", "LLEN", "LRANGE", "XLEN", "XREVRANGE", "ZCARD", "ZLEXCOUNT", "ZRANGE", "ZSCORE"}
)
"""Commands that change nothing."""

_FULL: Final = "maxmemory"
"""What stands in the error replies of a server that has no memory left."""

Requests = Sequence[tuple[Word, ...]]


def exchange(calls: Sequence[Call[Any]], *, loads: bool = True) -> Generator[Requests, list[Any], list[Any]]:
    """Yield requests to be sent in one round trip each, take their answers, and return what the calls answer.

    A call that failed has its error in the list. Where the function library is missing, it is loaded, and the calls
    that missed it are made again: they have had no effect. So are the reads behind them, which may have looked for it.
    Where it is not to be loaded, that is a ServiceUnavailableError: a control worker will load it before long.
    """
    answers = yield [call.words for call in calls]
    missing = [index for index, answer in enumerate(answers) if _is_missing(answer)]
    if missing and not loads:
        raise ServiceUnavailableError("the server has no function library of this version yet")
    if missing:
        _check_loaded((yield [("FUNCTION", "LOAD", library.source())])[0])
        reads = (index for index in range(missing[0], len(calls)) if calls[index].words[0] in _READS)
        again = sorted({*missing, *reads})
        for index, answer in zip(again, (yield [calls[index].words for index in again]), strict=True):
            answers[index] = answer
    for answer in answers:
        if _is_out_of_service(answer) or _is_full(answer):
            raise answer
    return [
        answer if isinstance(answer, RedisError) else call.decode(answer)
        for call, answer in zip(calls, answers, strict=True)
    ]


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
        if _is_full(error):
            raise ThrottlingError(f"the server at {without_password(url)} has no memory left") from error
        if isinstance(error, ResponseError) and not _is_out_of_service(error):
            raise
        raise ServiceUnavailableError(
            f"no answer from the server at {without_password(url)} ({error}){tls.meaning(url, str(error))}; "
            f"`make up` starts one, {PREFIX}URL names it"
        ) from None


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]


def raise_first(answers: list[Any], url: str) -> list[Any]:
    """Return the answers; raises the first error among them."""
    for answer in answers:
        if isinstance(answer, RedisError):
            with translated_errors(url):
                raise answer
    return answers


def _check_loaded(answer: object) -> None:
    if isinstance(answer, NoPermissionError):
        raise ConfigurationError(
            "the server has no function library of this version and this user may not load it: start a control "
            "worker of this version first"
        )
    # "already exists": another process was faster.
    if isinstance(answer, ResponseError) and "already exists" not in str(answer):
        raise answer


def _is_out_of_service(answer: object) -> bool:
    """Tell whether an answer says that the server is not serving: it is a replica, loading, or its disk is full."""
    return isinstance(answer, ResponseError) and any(word in str(answer) for word in _OUT_OF_SERVICE)


def _is_full(answer: object) -> bool:
    """Tell whether an answer says that the server takes nothing more: it is at its maxmemory, and evicts nothing."""
    return isinstance(answer, ResponseError) and _FULL in str(answer)


def _is_missing(answer: object) -> bool:
    return isinstance(answer, ResponseError) and library.NOT_FOUND in str(answer)
