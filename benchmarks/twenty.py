"""Twenty instances, one `echo hello` each: wall and processor time of everything, beside a plain Celery group."""

import os

from celery import group

from benchmarks import plain_celery, stage
from benchmarks.measure import Figure, ProcessorTime, median, times
from benchmarks.plain_workers import plain_workers
from cloudassist.local import LocalStack

QUESTION = "20 instances"
INSTANCES = 20
SCRIPT = "echo hello"


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
    with stage.server() as (url, folder), plain_workers(url, folder, INSTANCES) as pids:
        celery = plain_celery.make(url)
        plain = plain_celery.task_of(celery)

        def call() -> None:
            signatures = [plain.s(SCRIPT).set(queue=f"plain.{number}") for number in range(INSTANCES)]
            group(signatures, app=celery).apply_async().join(timeout=60)

        times(call, 5)
        used = ProcessorTime([os.getpid(), *pids])
        taken = times(call, count)
        return taken, 1000 * used.seconds() / count
