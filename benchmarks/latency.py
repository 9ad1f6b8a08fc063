"""How long from the call to its end, on one idle instance? Against a raw pop loop that starts the same script.

Beside it plain Celery, from ``apply_async`` to the result.
"""

import os
import subprocess
import threading
from pathlib import Path

import redis

from benchmarks import plain_celery, stage
from benchmarks.measure import Figure, percentile, times
from benchmarks.plain_workers import plain_workers
from cloudassist.local import LocalStack

QUESTION = "latency"
SCRIPT = "echo hello\n"
_WARM = 20
"""Calls that are made before those that count."""


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    count = 100 if quick else 200
    with LocalStack(instances=1) as stack, stack.assistant() as assistant:
        names = stack.instance_ids

        def call() -> None:
            assistant.run_command(SCRIPT, instance_ids=names).wait(timeout=30)

        floor_before = _floor(stack.url, stack.data_dir, count)
        times(call, _WARM)
        taken = times(call, count)
        floor = floor_before + _floor(stack.url, stack.data_dir, count)
    theirs = _theirs(count)
    figures = []
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        least, value, peer = (percentile(values, share) for values in (floor, taken, theirs))
        figures += [
            Figure(QUESTION, f"raw pop loop + Popen + one fsync, {name}", least, "ms"),
            Figure(QUESTION, f"plain Celery: apply_async to its result, {name}", peer, "ms", peer / least, "raw loop"),
            Figure(QUESTION, f"call to Finished seen, {name}", value, "ms", value / least, "raw loop", "≤ 3"),
        ]
    return figures


def _theirs(count: int) -> list[float]:
    with stage.server() as (url, folder), plain_workers(url, folder, 1):
        signature = plain_celery.task_of(plain_celery.make(url)).s(SCRIPT).set(queue="plain.0")

        def call() -> None:
            signature.apply_async().get(timeout=30)

        times(call, _WARM)
        return times(call, count)


def _floor(url: str, folder: Path, count: int) -> list[float]:
    """Pop, write one line to the disk, start the script, push its output, and wait for it on the other side."""
    script = folder / "floor.sh"
    script.write_text(SCRIPT)

    def worker() -> None:
        with redis.Redis.from_url(url) as client, (folder / "floor.log").open("ab", buffering=0) as log:
            for _ in range(count):
                client.brpop(["floor.in"], timeout=4)
                log.write(b"about to start\n")
                os.fdatasync(log.fileno())
                client.lpush("floor.out", subprocess.run(["sh", str(script)], capture_output=True, check=True).stdout)

    thread = threading.Thread(target=worker)
    thread.start()
    with redis.Redis.from_url(url) as client:

        def call() -> None:
            client.lpush("floor.in", "x")
            client.brpop(["floor.out"], timeout=4)

        taken = times(call, count)
    thread.join()
    return taken
