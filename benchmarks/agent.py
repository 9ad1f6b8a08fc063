"""What does an agent make of its work? A start, a backlog, a stop while every slot is taken, much output."""

import subprocess
import threading
import time
from collections.abc import Callable

import psutil

from benchmarks import plain_celery, stage
from benchmarks.measure import Figure, median, percentile, times
from benchmarks.plain_workers import plain_workers
from cloudassist.client import Assistant, Invocation
from cloudassist.local import LocalStack

QUESTION = "agent"
MIB = 1024 * 1024
SLOTS = 10
_LOOK_SECONDS = 0.01
_GIB = 1024 * MIB


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    settings = {"CLOUDASSIST_WAITING_PER_INSTANCE": "1000"}
    with LocalStack(instances=1, environment=settings) as stack, stack.assistant() as assistant:
        assistant.run_command("true", instance_ids=["web-1"]).wait(30)
        return [
            *_starts(assistant, 50 if quick else 200),
            *_backlog(assistant, 100 if quick else 300),
            *_stops(assistant, 20 if quick else 100),
            *_output(stack, assistant, 1 if quick else 10),
        ]


def _starts(assistant: Assistant, count: int) -> list[Figure]:
    """Measure from the call to the first line of the script, by the clock that both read."""
    taken = []
    for _ in range(count):
        begun = time.time()
        invocation = assistant.run_command("date +%s.%N", instance_ids=["web-1"]).wait(30)
        taken.append(1000 * (float(next(invocation.results()).output) - begun))
    floor = times(lambda: subprocess.run(["/bin/sh", "-c", "date +%s.%N"], capture_output=True, check=True), count)
    return [
        Figure(QUESTION, f"call to the script's first line, {name}", percentile(taken, share), "ms",
               percentile(taken, share) / percentile(floor, share), "starting it by hand")
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]  # fmt: skip


def _backlog(assistant: Assistant, count: int) -> list[Figure]:
    """Measure how fast an instance works off what waits for it, beside a plain worker with as many threads."""

    def ours() -> None:
        runs = [assistant.run_command("true", instance_ids=["web-1"]) for _ in range(count)]
        for run in runs:
            run.wait(60)

    mine = count / _seconds(ours)
    with stage.server() as (url, folder), plain_workers(url, folder, 1):
        plain = plain_celery.task_of(plain_celery.make(url))

        def theirs() -> None:
            results = [plain.apply_async(("true",), queue="plain.0") for _ in range(count)]
            for result in results:
                result.get(timeout=60)

        peer = count / _seconds(theirs)
    what = f"backlog of {count} `true` on one instance"
    return [
        Figure(QUESTION, f"plain Celery, {SLOTS} threads: {what}", peer, "/s"),
        Figure(QUESTION, what, mine, "/s", mine / peer, "plain Celery"),
    ]


def _stops(assistant: Assistant, count: int) -> list[Figure]:
    """Measure from the stop to its end, as whoever waits sees it, while every slot is taken."""
    running = [_started(assistant) for _ in range(SLOTS)]
    taken = []
    for _ in range(count):
        oldest = running.pop(0)
        begun = time.perf_counter()
        oldest.stop()
        oldest.wait(30)
        taken.append(1000 * (time.perf_counter() - begun))
        running.append(_started(assistant))
    for invocation in running:
        invocation.stop()
        invocation.wait(30)
    return [
        Figure(QUESTION, f"stop to Stopped, every slot taken, {name}", percentile(taken, share), "ms", goal=goal)
        for name, share, goal in (("p50", 0.5, "≤ 4 ms"), ("p99", 0.99, ""))
    ]


def _started(assistant: Assistant) -> Invocation:
    invocation = assistant.run_command("exec sleep 600", instance_ids=["web-1"], timeout=700)
    while next(invocation.results()).start_time is None:
        time.sleep(_LOOK_SECONDS)
    return invocation


def _output(stack: LocalStack, assistant: Assistant, gigabytes: int) -> list[Figure]:
    """Measure what much output costs: the agent's memory, the server's, and time beside a pipe into nothing."""
    agent = psutil.Process(stack.processes["agent@web-1"].pid)
    server = psutil.Process(stack.processes["server"].pid)
    before, server_before = agent.memory_info().rss, server.memory_info().rss
    peak = _Peak(agent)
    script = f"head -c {gigabytes * _GIB} /dev/zero"
    with peak:
        seconds = _seconds(lambda: assistant.run_command(script, instance_ids=["web-1"], timeout=600).wait(600))
    pipe = f"{script} | cat >/dev/null"
    floor = median([_seconds(lambda: subprocess.run(["/bin/sh", "-c", pipe], check=True)) for _ in range(3)])
    grown = (server.memory_info().rss - server_before) / MIB
    what = f"a script that prints {gigabytes} GB"
    return [
        Figure(QUESTION, f"{what}: time", seconds, "s", seconds / floor, "a pipe into cat"),
        Figure(QUESTION, f"{what}: memory that the agent grows by, at most", (peak.most - before) / MIB, "MiB"),
        Figure(QUESTION, f"{what}: memory that the server grows by", grown, "MiB"),
    ]


class _Peak:
    """Watches the memory of a process for the time of a block."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.most = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self.most = max(self.most, self._process.memory_info().rss)


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun
