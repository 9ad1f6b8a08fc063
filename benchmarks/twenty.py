"""Twenty instances, one `echo hello` each: wall and processor time of everything, beside a plain Celery group."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from celery import group

from benchmarks import plain_celery, stage
from benchmarks.measure import Figure, ProcessorTime, median, times
from cloudassist.local import LocalStack

QUESTION = "20 instances"
INSTANCES = 20
SCRIPT = "echo hello"
_READY_SECONDS = 60
_END_SECONDS = 30


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    count = 15 if quick else 31
    ours, our_cpu = _ours(count)
    theirs, their_cpu = _theirs(count)
    wall, peer = median(ours), median(theirs)
    return [
        Figure(QUESTION, "plain Celery group, Redis backend: wall, p50", peer, "ms"),
        Figure(QUESTION, "plain Celery group: processor time of all", their_cpu, "ms/call"),
        Figure(QUESTION, "run_command and wait: wall, p50", wall, "ms", wall / peer, "plain Celery", "≤ 1.2"),
        Figure(QUESTION, "run_command: processor time of all", our_cpu, "ms/call", our_cpu / their_cpu, "plain Celery"),
    ]


def _ours(count: int) -> tuple[list[float], float]:
    with LocalStack(instances=INSTANCES) as stack, stack.assistant() as assistant:

        def call() -> None:
            assistant.run_command(SCRIPT, instance_ids=stack.instance_ids).wait(timeout=60)

        times(call, 5)
        used = ProcessorTime([os.getpid(), *(process.pid for process in stack.processes.values())])
        taken = times(call, count)
        return taken, 1000 * used.seconds() / count


def _theirs(count: int) -> tuple[list[float], float]:
    with stage.server() as (url, folder), workers(url, folder, INSTANCES) as pids:
        celery = plain_celery.make(url)
        plain = plain_celery.task_of(celery)

        def call() -> None:
            signatures = [plain.s(SCRIPT).set(queue=f"plain.{number}") for number in range(INSTANCES)]
            group(signatures, app=celery).apply_async().join(timeout=60)

        times(call, 5)
        used = ProcessorTime([os.getpid(), *pids])
        taken = times(call, count)
        return taken, 1000 * used.seconds() / count


@contextlib.contextmanager
def workers(url: str, folder: Path, count: int) -> Iterator[list[int]]:
    """Run so many plain workers, ``plain.0`` …, each with ten threads; yield their pids."""
    environment = os.environ | {"PLAIN_CELERY_URL": url}
    started = []
    for number in range(count):
        options = ["-Q", f"plain.{number}", "-n", f"plain-{number}@%h", "-P", "threads", "-c", "10", "--loglevel=INFO"]
        command = [sys.executable, "-m", "celery", "-A", "benchmarks.plain_celery", "worker", *options]
        with (folder / f"worker-{number}.log").open("w") as log:
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
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
