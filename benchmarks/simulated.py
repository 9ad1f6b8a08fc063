"""A thousand instances and more on this machine: real scripts beside the bare machine and plain Celery, then all else.

Everything runs on it: the producer, the server, the control plane, and processes that stand for 500 instances or more.
"""

import contextlib
import math
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import redis
from celery import group

from benchmarks import plain_celery, stage
from benchmarks.measure import Figure, ProcessorTime, median
from benchmarks.plain_workers import plain_workers
from benchmarks.scriptless import ScriptlessStack
from cloudassist.client import Assistant
from cloudassist.hosting import SCRIPTS_PER_HOST, hosted_together, keep_to_one_processor
from cloudassist.local import LocalStack
from cloudassist.status import InvokeStatus

QUESTION = "simulated"
SCRIPT = "echo hello"
REAL = 1_000
SIZES = (1_000, 2_500, 5_000, 10_000)
QUICK_SIZES = (500, 1_000, 2_000)
_WAIT_SECONDS = 120


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    rounds = 2 if quick else 5
    return [*_real(REAL, rounds), *_scriptless(QUICK_SIZES if quick else SIZES, rounds)]


def _real(count: int, rounds: int) -> Iterator[Figure]:
    names = _names(count)
    with _stack(LocalStack, names) as (stack, assistant):
        floors, taken = [], []
        for _ in range(rounds):
            floors.append(_floor(stack.data_dir, count))
            taken.append(_run(stack, assistant, names))
    floor = median(floors)
    wall, used = (median(values) for values in zip(*taken, strict=True))
    what = f"{count:,} simulated instances, a real script each"
    yield Figure(QUESTION, f"fork and exec of {count:,} scripts, as many at a time as processors", floor, "s")
    yield Figure(QUESTION, f"{what}: call to Finished", wall, "s", wall / floor, "fork and exec", "≤ 3")
    yield Figure(QUESTION, f"{what}: processor for each, of all", 1000 * used / count, "ms")
    peer, used = _theirs(count, rounds)
    what = f"plain Celery, as many processes with a queue each, {count:,} scripts"
    yield Figure(QUESTION, f"{what}: group to results", peer, "s", peer / floor, "fork and exec")
    yield Figure(QUESTION, f"{what}: processor for each, of all", 1000 * used / count, "ms")


def _theirs(count: int, rounds: int) -> tuple[float, float]:
    """Return the seconds that plain Celery needs for so many scripts, and those of processors.

    It gets as many processes and threads, a queue for each process, and the processors in turns, as ours.
    """
    processes = math.ceil(count / hosted_together(count))
    with (
        stage.server() as (url, folder),
        plain_workers(url, folder, processes, SCRIPTS_PER_HOST, on_start=keep_to_one_processor) as pids,
    ):
        celery = plain_celery.make(url)
        plain = plain_celery.task_of(celery)
        with redis.Redis.from_url(url) as client:
            used_by = [os.getpid(), client.info("server")["process_id"], *pids]

        def run() -> tuple[float, float]:
            signatures = [plain.s(SCRIPT).set(queue=f"plain.{number % processes}") for number in range(count)]
            used, begun = ProcessorTime(used_by), time.perf_counter()
            group(signatures, app=celery).apply_async().join(timeout=_WAIT_SECONDS)
            return time.perf_counter() - begun, used.seconds()

        run()
        wall, used = (median(values) for values in zip(*(run() for _ in range(rounds)), strict=True))
        return wall, used


def _scriptless(sizes: Sequence[int], rounds: int) -> Iterator[Figure]:
    for size in sizes:
        names = _names(size)
        with _stack(ScriptlessStack, names) as (stack, assistant):
            taken = [_run(stack, assistant, names) for _ in range(rounds)]
        wall, used = (median(values) for values in zip(*taken, strict=True))
        what = "all but fork and exec"
        goals = ("≤ 12 s", "≤ 2 ms") if size == max(SIZES) else ("", "")
        yield Figure(QUESTION, f"{what}: call to Finished", wall, "s", goal=goals[0], at=size)
        yield Figure(QUESTION, f"{what}: processor for each, of all", 1000 * used / size, "ms", goal=goals[1], at=size)


@contextlib.contextmanager
def _stack(kind: type[LocalStack], names: list[str]) -> Iterator[tuple[LocalStack, Assistant]]:
    """Run a stack of simulated instances that has worked once: its queues, connections and keys are there."""
    environment = {"CLOUDASSIST_INSTANCES_PER_CALL": str(len(names))}
    with kind(instances=names, simulated=True, environment=environment) as stack, stack.assistant() as assistant:
        _run(stack, assistant, names)
        yield stack, assistant


def _run(stack: LocalStack, assistant: Assistant, names: list[str]) -> tuple[float, float]:
    """Run the script on all; return the seconds from the call to its end, and those of processors, of all processes."""
    used = ProcessorTime([os.getpid(), *(process.pid for process in stack.processes.values())])
    begun = time.perf_counter()
    run = assistant.run_command(SCRIPT, instance_ids=names).wait(_WAIT_SECONDS)
    wall = time.perf_counter() - begun
    assert run.status is InvokeStatus.FINISHED
    return wall, used.seconds()


def _floor(folder: Path, count: int) -> float:
    """Have the machine start so many scripts; return the seconds."""
    script = folder / "floor.sh"
    script.write_text(SCRIPT + "\n")
    numbers = "\n".join(map(str, range(count)))
    command = ["xargs", "-P", str(os.cpu_count()), "-n", "1", "/bin/sh", str(script)]
    begun = time.perf_counter()
    subprocess.run(command, input=numbers, text=True, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def _names(count: int) -> list[str]:
    return [f"i-{number:05}" for number in range(count)]
