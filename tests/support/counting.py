"""What a server has carried out, counted: commands by name, those inside its functions included."""

import contextlib
from collections import Counter
from collections.abc import Iterator

import redis

OWN = {"info", "config|resetstat"}
"""What the counting itself asks."""


@contextlib.contextmanager
def counted(server: redis.Redis) -> Iterator[Counter[str]]:
    """Count the commands of a block; the counter is full at its end."""
    calls: Counter[str] = Counter()
    server.config_resetstat()
    yield calls
    for name, stats in server.info("commandstats").items():
        calls[name.removeprefix("cmdstat_")] = stats["calls"]
    for name in OWN:
        del calls[name]


@contextlib.contextmanager
def sent_bytes(server: redis.Redis) -> Iterator[list[int]]:
    """Measure how many bytes all clients have sent while the block ran."""
    total: list[int] = []
    before = server.info("stats")["total_net_input_bytes"]
    yield total
    total.append(server.info("stats")["total_net_input_bytes"] - before)
