"""A private server for tests that need no other process."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import redis

from cloudassist.embedded import free_port, server_binary
from cloudassist.local import LocalStack
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
def sentinel(folder: Path, port: int, primary: str) -> Iterator[redis.Redis]:
    """Run a Sentinel that watches over the server at a URL, by the name of mymaster; yield its client."""
    server = urlsplit(primary)
    lines = [
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {folder}",
        f"sentinel monitor mymaster 127.0.0.1 {server.port} 1",
        f"sentinel auth-user mymaster {server.username}",
        f"sentinel auth-pass mymaster {server.password}",
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


def replica_of(stack: LocalStack) -> list[str]:
    """Return the options of a server that copies that of a stack, and has the same users."""
    primary = urlsplit(stack.url)
    words = {
        "--replicaof": f"127.0.0.1 {primary.port}",
        "--masteruser": primary.username,
        "--masterauth": primary.password,
        "--aclfile": str(stack.data_dir / "server" / "users.acl"),
    }
    return [word for option in words.items() for word in option]


def at_port(url: str, port: int) -> str:
    """Return the URL of a server with the same users at another port of this machine."""
    server = urlsplit(url)
    return server._replace(netloc=f"{server.username}:{server.password}@{server.hostname}:{port}").geturl()


def cut(client: redis.Redis) -> None:
    """Cut every other connection to a server: what a stopped process was waiting for does not reach it any more."""
    client.client_kill_filter(_type="normal", skipme=True)


def answers(client: redis.Redis) -> bool:
    """Tell whether a server answers."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
