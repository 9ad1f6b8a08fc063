"""What a run costs for each of its instances, if it has a hundred of them, or fifty thousand.

The same fleet and the same number of records each time, in batches of different sizes, on a server that was emptied.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import redis

from benchmarks import stage
from benchmarks.backlog import work_off
from benchmarks.fleet import Fleet
from benchmarks.measure import Figure, ProcessorTime, median
from cloudassist.client import Assistant
from cloudassist.duties.aggregator import Aggregator
from cloudassist.settings import Settings
from cloudassist.store.ledger import Ledger

QUESTION = "growth"
SIZES = (100, 1_000, 10_000, 50_000)
QUICK_SIZES = (100, 500, 2_000, 10_000)
COSTS = {
    "planned": "planned, signed and published: wall for each",
    "producer": "… the producer's processor",
    "server_out": "… the server's processor",
    "applied": "a report applied: wall for each",
    "aggregator": "… the aggregator's processor",
    "server_in": "… the server's processor, per report",
}
GOALS = {"applied": "≤ 1.2", "aggregator": "≤ 1.2", "server_in": "≤ 1.2"}


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    sizes, rounds = (QUICK_SIZES, 1) if quick else (SIZES, 3)
    with stage.server() as (url, folder), Ledger(url) as ledger, redis.Redis.from_url(url) as client:
        fleet = Fleet(url, folder, max(sizes))
        settings = stage.settings(url, folder, max(sizes), calls_per_day=1_000_000)
        aggregator = Aggregator(ledger, settings, [fleet.region_key])
        trial = _Trial(fleet, settings, aggregator, client)
        trial.run(max(sizes))  # by it the aggregator comes to know the instances
        taken: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        for _ in range(rounds):
            for size in sizes:
                for name, value in trial.run(size).items():
                    taken[name, size].append(value)
        fleet.close()
    return list(_figures(sizes, {key: median(values) for key, values in taken.items()}))


@dataclass(frozen=True)
class _Trial:
    """One fleet, and what works for it."""

    fleet: Fleet
    settings: Settings
    aggregator: Aggregator
    client: redis.Redis

    def run(self, size: int) -> dict[str, float]:
        """Run something on every instance, in batches of a size; return what each cost (µs)."""
        self.client.flushall()
        self.fleet.join()
        names = self.fleet.names
        batches = [names[start : start + size] for start in range(0, len(names), size)]
        server = self.client.info("server")["process_id"]
        with Assistant(settings=self.settings) as assistant:
            assistant.describe_instances()
            used, begun, own = ProcessorTime([server]), time.perf_counter(), time.process_time()
            runs = [assistant.run_command("true", instance_ids=batch).invoke_id for batch in batches]
            out = time.perf_counter() - begun, time.process_time() - own, used.seconds()
        for invoke_id, batch in zip(runs, batches, strict=True):
            self.fleet.finish(invoke_id, batch)
        used, begun, own = ProcessorTime([server]), time.perf_counter(), time.process_time()
        work_off(self.client, self.aggregator)
        back = time.perf_counter() - begun, time.process_time() - own, used.seconds()
        return {name: 1e6 * value / len(names) for name, value in zip(COSTS, (*out, *back), strict=True)}


def _figures(sizes: tuple[int, ...], costs: dict[tuple[str, int], float]) -> Iterator[Figure]:
    first = sizes[0]
    for name, what in COSTS.items():
        for size in sizes:
            value, least = costs[name, size], costs[name, first]
            goal = GOALS.get(name, "") if size == sizes[-1] else ""
            yield Figure(QUESTION, what, value, "µs", value / least, f"batches of {first}", goal, at=size)
