"""How long others wait for the server meanwhile: a process that asks it for nothing, again and again.

``python -m benchmarks.stalls URL`` prints its waits when it is told to end.
"""

import json
import signal
import subprocess
import sys
import time
from typing import Self

import redis

_PAUSE_SECONDS = 0.0005


class Stalls:
    """Asks for the time of a block; then ``waits`` has how long each answer took (ms)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.waits: list[float] = []

    def __enter__(self) -> Self:
        """Begin."""
        command = [sys.executable, "-m", "benchmarks.stalls", self._url]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._process.terminate()
        answer, _ = self._process.communicate()
        self.waits = json.loads(answer)


def main() -> None:
    """Ask until told to end."""
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: over.append(number))
    waits = []
    with redis.Redis.from_url(sys.argv[1]) as client:
        client.ping()
        print("asking", flush=True)
        while not over:
            begun = time.perf_counter()
            client.ping()
            waits.append(1000 * (time.perf_counter() - begun))
            time.sleep(_PAUSE_SECONDS)
    print(json.dumps(waits))


if __name__ == "__main__":
    main()
