"""How fast are reports applied? One aggregator, with MACs checked and without; then two, each a process."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from benchmarks import stage
from benchmarks.backlog import work_off
from benchmarks.fleet import Fleet
from benchmarks.measure import Figure, ProcessorTime, median
from cloudassist.client import Assistant
from cloudassist.duties.aggregator import Aggregator
from cloudassist.duties.proofs import Proofs
from cloudassist.settings import Settings
from cloudassist.store import keys
from cloudassist.store.ledger import Ledger

QUESTION = "roll-up"
FEW = 3
"""Batches where it is not the number that counts."""
_LOOK_SECONDS = 0.002


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    instances, batches, rounds = (2_000, 3, 1) if quick else (10_000, 10, 3)
    return [*_alone(instances, batches, rounds), *_together(instances, batches, rounds)]


def _alone(instances: int, batches: int, rounds: int) -> Iterator[Figure]:
    taken: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    always = []
    for _ in range(rounds):
        for checked in (True, False):
            with _checking(checked):
                taken[checked].append(_apply(instances, batches if checked else FEW, "everysec"))
        always.append(_apply(instances, FEW, "always")[0])
    (rate, server, own), (bare, *_) = (map(median, zip(*taken[checked], strict=True)) for checked in (True, False))
    what = f"{batches * instances:,} reports of {instances:,} instances, one aggregator"
    yield Figure(QUESTION, what, rate, "/s", rate / bare, "MACs unchecked", "≥ 25,000")
    yield Figure(QUESTION, "… the server's processor for each", server, "µs", server / own, "aggregator's", "≤ 20")
    yield Figure(QUESTION, "… the aggregator's processor for each", own, "µs")
    yield Figure(QUESTION, "… with MACs unchecked", bare, "/s")
    yield Figure(QUESTION, "… with appendfsync always", median(always), "/s", median(always) / rate, "everysec")


def _apply(instances: int, batches: int, appendfsync: str) -> tuple[float, float, float]:
    """Return how many reports are applied in a second, and the processor time for each (µs): server's, own.

    On a server of its own: what lies there makes a difference. A first batch is not counted: by it the aggregator comes
    to know the instances, once for its life.
    """
    with (
        _region(instances) as (url, _, settings, fleet),
        Ledger(url) as ledger,
        redis.Redis.from_url(url) as client,
    ):
        client.config_set("appendfsync", appendfsync)
        aggregator = Aggregator(ledger, settings, [fleet.region_key])
        _queue(settings, fleet, 1)
        work_off(client, aggregator)
        _queue(settings, fleet, batches)
        used = ProcessorTime([client.info("server")["process_id"]])
        begun, own = time.perf_counter(), time.process_time()
        work_off(client, aggregator)
        wall, own = time.perf_counter() - begun, time.process_time() - own
        aggregator.finish()
        assert not client.hgetall("rejected:counts")
        count = batches * instances
        return count / wall, 1e6 * used.seconds() / count, 1e6 * own / count


def _together(instances: int, batches: int, rounds: int) -> Iterator[Figure]:
    one, two = (
        median([_apply_in_processes(instances, batches, aggregators) for _ in range(max(1, rounds - 1))])
        for aggregators in (1, 2)
    )
    yield Figure(QUESTION, "one aggregator, a process of its own", one, "/s")
    yield Figure(QUESTION, "two aggregators, each a process", two, "/s", two / one, "one", "≥ 1.6 on idle cores")


def _apply_in_processes(instances: int, batches: int, aggregators: int) -> float:
    """Return how many reports so many aggregators apply in a second. Each first comes to know the instances alone."""
    with (
        _region(instances) as (url, folder, settings, fleet),
        redis.Redis.from_url(url) as client,
        contextlib.ExitStack() as open_,
    ):
        processes = [open_.enter_context(_process(url, folder)) for _ in range(aggregators)]
        for process in processes:
            _queue(settings, fleet, 1)
            _say_go(process)
            _wait(process)
        _queue(settings, fleet, batches)
        begun = time.perf_counter()
        for process in processes:
            _say_go(process)
        # One that found nothing more waits for a while: the ledger knows when the last was applied.
        while client.zcard(keys.OPEN):
            time.sleep(_LOOK_SECONDS)
        return batches * instances / (time.perf_counter() - begun)


@contextlib.contextmanager
def _process(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.backlog", url, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        _wait(process)
        yield process
    finally:
        process.communicate()


def _say_go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _wait(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline()


@contextlib.contextmanager
def _region(instances: int) -> Iterator[tuple[str, Path, Settings, Fleet]]:
    with stage.server() as (url, folder):
        fleet = Fleet(url, folder, instances)
        try:
            yield url, folder, stage.settings(url, folder, instances), fleet
        finally:
            fleet.close()


def _queue(settings: Settings, fleet: Fleet, batches: int) -> None:
    with Assistant(settings=settings) as assistant:
        for _ in range(batches):
            fleet.finish(assistant.run_command("true", instance_ids=fleet.names).invoke_id, fleet.names)


@contextlib.contextmanager
def _checking(checked: bool) -> Iterator[None]:  # noqa: FBT001 - private, and named where it is called
    check = Proofs.check
    if not checked:
        Proofs.check = lambda *_: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Proofs.check = check  # type: ignore[method-assign]
