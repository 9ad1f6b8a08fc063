"""What does a fleet cost while nothing is asked of it? Real agents on one server, and the control plane beside many.

What each agent adds is the slope over several sizes. More than this machine could hold are stood in for, by one process
that has their connections and asks what they ask. The largest fleets only seem to be there: they are known and online,
so that the control plane and the server's memory have them, but nobody is connected.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

import psutil
import redis

from benchmarks import stage
from benchmarks.measure import Figure, ProcessorTime
from benchmarks.standins import CONNECTIONS
from cloudassist import limits
from cloudassist.local import LocalStack

QUESTION = "scale"
AGENTS = (8, 16, 32, 64)
QUICK_AGENTS = (4, 8, 16)
STAND_INS = (500, 1_000, 2_000, 3_500)
FLEETS = (1_000, 10_000, 30_000, 100_000)
QUICK_FLEETS = (1_000, 5_000, 20_000)
REGIONS = (1_000, 10_000, 100_000)
KINDS = {
    "as they are": {},
    "no remote control, no events": {"CLOUDASSIST_REMOTE_CONTROL": "no", "CLOUDASSIST_EVENTS": "no"},
}
MIB = 2**20
UNITS = {
    "connections": ("", "", 1),
    "commands": ("/s", "/s", 1),
    "the server's processor": ("%", "µs/s", 10_000),
    "the server's memory": ("MiB", "KB", 1_024),
}
"""Of what is measured: the unit, that of what one agent adds, and how many of the second are one of the first."""
HEARTBEATS_SECONDS = 30
"""The pace of what the control plane does for every instance: a window has to be as long."""
_SETTLE_SECONDS = 5
_OTHERS = 100
_CONTROL = ("control-1", "dispatch-1", "beat-1")


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    agents, fleets, seconds = (QUICK_AGENTS, QUICK_FLEETS, 15) if quick else (AGENTS, FLEETS, 30)
    figures: list[Figure] = []
    for kind, settings in KINDS.items():
        figures += _agents(kind, settings, agents, seconds)
    return [*figures, *_stand_ins(STAND_INS[:2] if quick else STAND_INS), *_control_plane(fleets)]


def _agents(kind: str, settings: Mapping[str, str], sizes: Sequence[int], seconds: int) -> Iterator[Figure]:
    """Measure what the server has to do with agents that are idle, and what a region of many would ask of it."""
    taken: dict[str, list[float]] = {}
    for size in sizes:
        with LocalStack(instances=size, environment=settings) as stack:
            for what, value in _idle(stack.url, seconds).items():
                taken.setdefault(what, []).append(value)
    for what, values in taken.items():
        unit, unit_of_each, factor = UNITS[what]
        for size, value in zip(sizes, values, strict=True):
            yield Figure(QUESTION, f"idle agents, {kind}: {what}", value, unit, at=size)
        slope, base = statistics.linear_regression(sizes, values)
        yield Figure(QUESTION, f"idle agents, {kind}: {what}, for each more", factor * slope, unit_of_each)
        for region in REGIONS:
            text = f"a region at rest, {kind}: {what}, by the slope"
            yield Figure(QUESTION, text, base + slope * region, unit, at=region)


def _stand_ins(sizes: Sequence[int]) -> Iterator[Figure]:
    """Measure what the server has to do with more agents than this machine could hold."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for size in sizes:
        with stage.server() as (url, _), redis.Redis.from_url(url) as client:
            client.config_set("maxclients", CONNECTIONS * size + _OTHERS)
            port = str(client.connection_pool.connection_kwargs["port"])
            command = [sys.executable, "-m", "benchmarks.standins", port, str(size)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                process.stdout.readline()
                # The first signs of life come over an interval.
                time.sleep(limits.PRESENCE_INTERVAL_SECONDS)
                for what, value in _idle(url, HEARTBEATS_SECONDS).items():
                    yield Figure(QUESTION, f"agents that are stood in for: {what}", value, UNITS[what][0], at=size)
                process.terminate()


def _idle(url: str, seconds: int) -> dict[str, float]:
    time.sleep(_SETTLE_SECONDS)
    with redis.Redis.from_url(url) as client:
        before, begun = client.info(), time.monotonic()
        time.sleep(seconds)
        after, elapsed = client.info(), time.monotonic() - begun
    return {
        "connections": after["connected_clients"] - 1,
        "commands": (after["total_commands_processed"] - before["total_commands_processed"] - 1) / elapsed,
        "the server's processor": 100 * (_processor(after) - _processor(before)) / elapsed,
        "the server's memory": after["used_memory"] / MIB,
    }


def _processor(info: Mapping[str, float]) -> float:
    return info["used_cpu_sys"] + info["used_cpu_user"]


def _control_plane(sizes: Sequence[int]) -> Iterator[Figure]:
    """Measure what the control plane uses beside fleets that only seem to be there, and the memory that these take."""
    with LocalStack(instances=1) as stack, redis.Redis.from_url(stack.url) as client:
        empty = client.info("memory")["used_memory"]
        for size in sizes:
            names = [f"i-{number:06}" for number in range(size)]
            stage.pretend(stack.url, names)
            time.sleep(_SETTLE_SECONDS)
            memory = client.info("memory")["used_memory"]
            used = {name: ProcessorTime([stack.processes[name].pid]) for name in _CONTROL}
            before, begun = _processor(client.info("cpu")), time.monotonic()
            time.sleep(HEARTBEATS_SECONDS)
            elapsed = time.monotonic() - begun
            shares = {name.partition("-")[0]: 100 * each.seconds() / elapsed for name, each in used.items()}
            shares["server"] = 100 * (_processor(client.info("cpu")) - before) / elapsed
            for name, share in shares.items():
                yield Figure(QUESTION, f"beside so many instances: processor of {name}", share, "%", at=size)
            each = (memory - empty) / size / 1024
            yield Figure(QUESTION, "the server's memory for an instance that is known and online", each, "KB", at=size)
        control = psutil.Process(stack.processes["control-1"].pid)
        yield Figure(QUESTION, "memory of a control worker (RSS)", control.memory_info().rss / MIB, "MiB")
