"""A server of its own for a question, and a ledger in which instances seem to be there."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from cloudassist.embedded import SERVER_ENVIRONMENT, free_port, server_binary
from cloudassist.installation import make_keys
from cloudassist.messages import Registration
from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.store import instances
from cloudassist.store.ledger import Ledger
from cloudassist.topology import presence_key


@contextlib.contextmanager
def server() -> Iterator[tuple[str, Path]]:
    """Run an embedded server with an append-only file; yield its URL and its folder."""
    with tempfile.TemporaryDirectory(prefix="cloudassist-bench-") as folder:
        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"]
        options += ["--auto-aof-rewrite-min-size", "256mb"]
        with Path(folder, "server.log").open("w") as log:
            process = subprocess.Popen(
                [server_binary(), *options], stdout=log, stderr=log, env=os.environ | SERVER_ENVIRONMENT
            )
        try:
            url = f"redis://127.0.0.1:{port}/0"
            with redis.Redis.from_url(url) as client:
                for _ in range(500):
                    with contextlib.suppress(redis.ConnectionError):
                        client.ping()
                        break
                    time.sleep(0.01)
            yield url, Path(folder)
        finally:
            process.terminate()
            process.wait(20)


def settings(url: str, folder: Path, most: int, **changes: Any) -> Settings:
    """Return the settings of a producer that may name so many instances."""
    found = Settings(url=url, state_dir=folder, instances_per_call=most, **changes)
    make_keys(found)
    return found


def pretend(url: str, names: list[str]) -> None:
    """Register instances and put them online, without any agent."""
    alive = Presence("bench/bench", 0, (), 10).encode()
    with Ledger(url) as ledger:
        for start in range(0, len(names), 1_000):
            ledger.run([instances.register(Registration(name, "key", "0")) for name in names[start : start + 1_000]])
    with redis.Redis.from_url(url) as client, client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.set(presence_key(name), alive, px=3_600_000)
        pipe.execute()
