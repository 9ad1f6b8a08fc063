"""The server's clients: of one address, or of the primary that Sentinels name.

A command is tried once: redis-py would try ten times by itself, and a take that ran twice would lose reports.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

CONNECT_SECONDS: Final = 2.0
"""Seconds to reach the server."""
SENTINEL_SCHEME: Final = "sentinel"
SENTINEL_PORT: Final = 26379
DEFAULT_MASTER: Final = "mymaster"
"""Name of the primary where nothing is said: that of the configuration that comes with Redis and Valkey."""

_SECONDS: Final = {"socket_connect_timeout": CONNECT_SECONDS}


def client(url: str, master: str, answer_seconds: float, tls: Mapping[str, Any]) -> redis.Redis:
    """Return a client of the server at a URL; ``master`` is what Sentinels call the primary, ``tls`` its options."""
    options: dict[str, Any] = {**_SECONDS, **tls, "socket_timeout": answer_seconds, "retry": Retry(NoBackoff(), 0)}
    if not is_sentinel(url):
        return redis.Redis.from_url(url, **options)
    found: redis.Redis = Sentinel(sentinels(url), sentinel_kwargs=options).master_for(
        master, redis.Redis, **_login(url), **options
    )
    return found


def async_client(url: str, master: str, answer_seconds: float, tls: Mapping[str, Any]) -> redis.asyncio.Redis:
    """Return the same for asyncio."""
    options: dict[str, Any] = {**_SECONDS, **tls, "socket_timeout": answer_seconds, "retry": AsyncRetry(NoBackoff(), 0)}
    if not is_sentinel(url):
        return redis.asyncio.Redis.from_url(url, **options)
    found: redis.asyncio.Redis = AsyncSentinel(sentinels(url), sentinel_kwargs=options).master_for(
        master, redis.asyncio.Redis, **_login(url), **options
    )
    return found


def is_sentinel(url: str) -> bool:
    """Tell whether a URL names Sentinels instead of the server."""
    return url.startswith(f"{SENTINEL_SCHEME}://")


def sentinels(url: str) -> list[tuple[str, int]]:
    """Return the addresses of the Sentinels in ``sentinel://host:port/db;sentinel://host:port/db``."""
    parts = [urlsplit(part) for part in url.split(";")]
    return [(part.hostname or "localhost", part.port or SENTINEL_PORT) for part in parts]


def _login(url: str) -> dict[str, Any]:
    """Return the primary's database, user and password: what stands in the first of the Sentinels' URLs."""
    first = urlsplit(url.partition(";")[0])
    return {
        "db": int(first.path.strip("/") or 0),
        "username": unquote(first.username) if first.username else None,
        "password": unquote(first.password) if first.password else None,
    }
