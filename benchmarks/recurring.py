"""Recurring tasks that are all due at one moment: how late they are claimed, and how late the last order is out.

Beside them Celery's own scheduler and RedBeat, with as many entries. Of these a round is timed from its first message
to its last, for they have no moment that is written down anywhere.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import redis

from benchmarks import stage
from benchmarks.measure import Figure, ProcessorTime, percentile
from cloudassist.local import LocalStack
from cloudassist.store import keys

QUESTION = "recurring"
SIZES = (100, 1_000, 5_000)
INSTANCES = 1_000
INTERVAL_SECONDS = 10
_MINUTE_SECONDS = 60
_AHEAD_SECONDS = 5
_MADE_PER_SECOND = 100
"""Tasks that are made in a second, at least."""
_LONGEST_SECONDS = 180.0
_LOOK_SECONDS = 0.002
_LOOK_LATER_SECONDS = 0.01
"""When all is claimed: looking on takes processor time of what is looked at."""
_ROUNDS = 2
SCHEDULERS = {"Celery's scheduler": "celery.beat:PersistentScheduler", "RedBeat": "redbeat.RedBeatScheduler"}


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    figures: list[Figure] = []
    for size in SIZES[:2] if quick else SIZES:
        peers = {name: _peer(scheduler, size) for name, scheduler in SCHEDULERS.items()}
        figures += _ours(size, peers)
    return figures


def _ours(size: int, peers: dict[str, tuple[float, float]]) -> Iterator[Figure]:
    first, again, share = _rounds(size)
    text = f"{size:,} tasks"
    strict = size == max(SIZES)
    for round_, what in ((first, "the first time"), (again, "again")):
        goal = "≤ 50 ms" if strict else ""
        late = percentile(round_.claims, 0.99)
        yield Figure(QUESTION, f"{text}, {what}: claimed, p99 after the moment", late, "ms", goal=goal)
        goal = "≤ 1,000 ms" if strict else ""
        yield Figure(QUESTION, f"{text}, {what}: last order in its queue after the moment", round_.out, "ms", goal=goal)
    yield Figure(QUESTION, f"{text}: beat's processor", share, "%", goal="≤ 5 %" if strict else "")
    for name, (took, used) in peers.items():
        yield Figure(QUESTION, f"{text}: {name}: a round takes", took, "ms", took / again.out, "our last order, again")
        yield Figure(QUESTION, f"{text}: {name}: processor", used, "%", used / max(share, 0.01), "our beat")


class Round(NamedTuple):
    """Tasks that came due together: how late each was claimed, and how late the last order was out (ms)."""

    claims: list[float]
    out: float


def _rounds(size: int) -> tuple[Round, Round, float]:
    """Have so many tasks come due together twice; return both times, and beat's share of a processor (%).

    The first time dispatch has not known them: it reads them, and verifies what their producer signed, ahead.
    """
    names = [f"i-{number:04}" for number in range(INSTANCES)]
    environment = {
        "CLOUDASSIST_CALLS_PER_DAY": "100000",
        "CLOUDASSIST_OVERLAP": "allow",
        # Nobody takes the orders; looking for those of the first time is not to be in the way of the second.
        "CLOUDASSIST_REDELIVERY_SECONDS": "60",
    }
    with contextlib.ExitStack() as open_:
        # The instances only seem to be there: what they would do then is not the question, and takes the processors.
        stack = open_.enter_context(LocalStack(instances=1, environment=environment))
        stage.pretend(stack.url, names)
        assistant = open_.enter_context(stack.assistant())
        server = open_.enter_context(redis.Redis.from_url(stack.url, decode_responses=True))
        command = assistant.create_command("true", name="nothing")
        begin = int(_now(server)) // 1000 + _AHEAD_SECONDS + size // _MADE_PER_SECOND
        begin += -begin % _MINUTE_SECONDS
        moment = f"{datetime.fromtimestamp(begin, UTC):0,{INTERVAL_SECONDS} %-M %-H %-d %-m * %Y UTC}"
        for number in range(size):
            assistant.invoke_command(command.command_id, instance_ids=[names[number % INSTANCES]], frequency=moment)
        if _now(server) > 1000 * begin:
            raise TimeoutError(f"{size:,} tasks were not made in time")
        used = ProcessorTime([stack.processes["beat-1"].pid])
        first = _watch(server, 1000 * begin, size)
        again = _watch(server, 1000 * (begin + INTERVAL_SECONDS), size)
        return first, again, 100 * used.seconds() / (2 * INTERVAL_SECONDS)


def _watch(server: redis.Redis, due: int, size: int) -> Round:
    """Look on while what is due at a moment (ms, server's clock) is claimed and sent."""
    sent = _pushes(server)
    late: list[float] = []
    while _now(server) < due:
        time.sleep(_LOOK_SECONDS)
    while True:
        now, pushed, left = _now(server), _pushes(server) - sent, server.zcount(keys.SCHEDULES, due, due)
        late += [max(0.0, now - due)] * (size - left - len(late))
        if (pushed >= size and not left) or now - due > 1000 * _LONGEST_SECONDS:
            return Round(late, now - due)
        time.sleep(_LOOK_SECONDS if left else _LOOK_LATER_SECONDS)


def _peer(scheduler: str, size: int) -> tuple[float, float]:
    """Return how long a round of a plain scheduler takes (ms), and its share of a processor (%)."""
    with (
        stage.server() as (url, folder),
        redis.Redis.from_url(url) as server,
        _beat(scheduler, url, folder, size) as beat,
    ):
        sent = _pushes(server)
        _wait(lambda: _pushes(server) - sent >= size)
        begun, used = time.monotonic(), ProcessorTime([beat])
        took = []
        for number in range(1, _ROUNDS + 1):
            _wait(lambda number=number: _pushes(server) - sent > number * size)  # type: ignore[misc]
            first = time.monotonic()
            _wait(lambda number=number: _pushes(server) - sent >= (number + 1) * size)  # type: ignore[misc]
            took.append(1000 * (time.monotonic() - first))
        return max(took), 100 * used.seconds() / (time.monotonic() - begun)


@contextlib.contextmanager
def _beat(scheduler: str, url: str, folder: Path, size: int) -> Iterator[int]:
    environment = os.environ | {"PLAIN_BEAT_URL": url, "PLAIN_BEAT_ENTRIES": str(size)}
    options = ["-S", scheduler, "--schedule", str(folder / "beat.db"), "--pidfile", "", "--loglevel=ERROR"]
    with (folder / "beat.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "benchmarks.plain_beat", "beat", *options],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"a scheduler sent nothing for {_LONGEST_SECONDS:.0f} s")
        time.sleep(_LOOK_SECONDS)


def _now(server: redis.Redis) -> float:
    seconds, micros = server.time()
    return float(1000 * seconds + micros / 1000)


def _pushes(server: redis.Redis) -> int:
    return int(server.info("commandstats").get("cmdstat_lpush", {"calls": 0})["calls"])
