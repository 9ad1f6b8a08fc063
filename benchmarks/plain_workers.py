"""Workers of plain Celery, as people would start them."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_READY_SECONDS = 60
_END_SECONDS = 30


@contextlib.contextmanager
def plain_workers(
    url: str, folder: Path, count: int, threads: int = 10, *, on_start: Callable[[int, int], object] | None = None
) -> Iterator[list[int]]:
    """Run so many plain workers, each of a queue ``plain.0`` …, with so many threads each; yield their pids.

    ``on_start`` is told the pid and the number of each, before it has done anything.
    """
    environment = os.environ | {"PLAIN_CELERY_URL": url}
    started = []
    for number in range(count):
        names = ["-Q", f"plain.{number}", "-n", f"plain-{number}@%h"]
        options = ["-P", "threads", "-c", str(threads), "--loglevel=INFO"]
        command = [sys.executable, "-m", "celery", "-A", "benchmarks.plain_celery", "worker", *names, *options]
        with (folder / f"worker-{number}.log").open("w") as log:
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        if on_start is not None:
            on_start(started[-1].pid, number)
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not all(" ready." in (folder / f"worker-{number}.log").read_text() for number in range(count)):
            if time.monotonic() > deadline:
                raise TimeoutError("the plain Celery workers did not come up")
            time.sleep(0.1)
        yield [worker.pid for worker in started]
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            try:
                worker.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                # Over a half-open line it never ends by itself.
                worker.kill()
                worker.wait()
