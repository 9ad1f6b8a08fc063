"""What clients ask of a server, by MONITOR; what functions do inside is left out."""

import contextlib
import threading
from collections.abc import Iterator

import redis

from support.waiting import wait_until

END = "END-OF-MONITOR"


@contextlib.contextmanager
def monitored(url: str) -> Iterator[list[tuple[str, ...]]]:
    """Collect the commands that arrive while the block runs: tuples of words, the first in capitals."""
    seen: list[tuple[str, ...]] = []
    ready = threading.Event()

    def listen() -> None:
        with redis.Redis.from_url(url, socket_timeout=None) as client, client.monitor() as monitor:
            ready.set()
            for entry in monitor.listen():
                if END in entry["command"]:
                    return
                if entry["client_type"] != "lua":
                    name, *rest = entry["command"].split(" ")
                    seen.append((name.upper(), *rest))

    thread = threading.Thread(target=listen)
    thread.start()
    assert ready.wait(10)
    with redis.Redis.from_url(url) as client:
        wait_until(lambda: any(found["cmd"] == "monitor" for found in client.client_list()), "the monitor to listen")
        try:
            yield seen
        finally:
            client.echo(END)
            thread.join(10)
