"""A stop of a thousand records that run: from the call until all are Stopped, with processes and without."""

import os
import time
from collections.abc import Iterator

import redis

from benchmarks.measure import Figure, ProcessorTime, median
from benchmarks.scriptless import ScriptlessStack
from cloudassist.client import Assistant, Invocation
from cloudassist.local import LocalStack
from cloudassist.status import InvokeStatus
from cloudassist.store import keys

QUESTION = "stops"
SCRIPT = "exec sleep 600"
SIZES = (125, 250, 500, 1_000)
_LOOK_SECONDS = 0.05
_WAIT_SECONDS = 120


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    rounds = 1 if quick else 5
    return [
        *_stops(ScriptlessStack, "no processes", rounds, "≤ 1.5 s"),
        *_stops(LocalStack, "real processes", rounds, "≤ 5 s"),
    ]


def _stops(kind: type[LocalStack], text: str, rounds: int, goal: str) -> Iterator[Figure]:
    names = [f"i-{number:04}" for number in range(max(SIZES))]
    environment = {"CLOUDASSIST_INSTANCES_PER_CALL": str(len(names)), "CLOUDASSIST_CONCURRENCY": str(len(names))}
    with (
        kind(instances=names, simulated=True, environment=environment) as stack,
        stack.assistant() as assistant,
        redis.Redis.from_url(stack.url, decode_responses=True) as server,
    ):
        _stop(stack, _running(assistant, server, names[:100]))
        for size in SIZES:
            taken = [_stop(stack, _running(assistant, server, names[:size])) for _ in range(rounds)]
            wall, used = (median(values) for values in zip(*taken, strict=True))
            what = f"{text}: from the stop to all Stopped"
            yield Figure(QUESTION, what, wall, "s", goal=goal if size == max(SIZES) else "", at=size)
            yield Figure(QUESTION, f"{text}: processor for each, of all", 1000 * used / size, "ms", at=size)


def _running(assistant: Assistant, server: redis.Redis, names: list[str]) -> Invocation:
    """Start a script on instances; return its run when all have said that it runs."""
    invocation = assistant.run_command(SCRIPT, instance_ids=names, timeout=700)
    deadline = time.monotonic() + _WAIT_SECONDS
    while int(server.hget(keys.invocation(invocation.invoke_id), "n.pending") or 0):
        if time.monotonic() > deadline:
            raise TimeoutError("the scripts did not start")
        time.sleep(_LOOK_SECONDS)
    return invocation


def _stop(stack: LocalStack, invocation: Invocation) -> tuple[float, float]:
    """Stop a run; return the seconds until its end, and those of processors, of all processes."""
    used = ProcessorTime([os.getpid(), *(process.pid for process in stack.processes.values())])
    begun = time.perf_counter()
    invocation.stop()
    invocation.wait(_WAIT_SECONDS)
    wall = time.perf_counter() - begun
    assert invocation.status is InvokeStatus.STOPPED
    return wall, used.seconds()
