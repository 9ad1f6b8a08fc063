"""A private server for tests that need no other process."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import redis

from cloudassist.local import free_port, server_binary
from support.waiting import wait_until


@contextlib.contextmanager
def private_server(folder: Path, *options: str) -> Iterator[str]:
    """Run a server on a free port; yield its URL."""
    port = free_port()
    with start_server(folder, port, options) as process:
        url = f"redis://127.0.0.1:{port}/0"
        with redis.Redis.from_url(url) as client:
            wait_until(lambda: answers(client), "the server to answer")
        yield url
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def start_server(folder: Path, port: int, options: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start a server process."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        server_binary(),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        "--save",
        "",
        *options,
    ]
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


@contextlib.contextmanager
def sentinel(folder: Path, port: int, primary: int) -> Iterator[redis.Redis]:
    """Run a Sentinel that watches over the server at a port, by the name of mymaster; yield its client."""
    lines = [
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {folder}",
        f"sentinel monitor mymaster 127.0.0.1 {primary} 1",
        "sentinel down-after-milliseconds mymaster 1000",
        "sentinel failover-timeout mymaster 3000",
    ]
    configuration = folder / "sentinel.conf"
    configuration.write_text("\n".join(lines) + "\n")
    with (folder / "sentinel.log").open("ab") as log:
        command = [server_binary(), str(configuration), "--sentinel"]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        with redis.Redis(port=port, decode_responses=True) as client:
            wait_until(lambda: answers(client), "the Sentinel to answer")
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def cut(client: redis.Redis) -> None:
    """Cut every other connection to a server: what a stopped process was waiting for does not reach it any more."""
    client.client_kill_filter(_type="normal", skipme=True)


def answers(client: redis.Redis) -> bool:
    """Tell whether a server answers."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
