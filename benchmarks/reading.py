"""How long it takes to see how a run stands, and the first page of its results, if it has many instances."""

from collections.abc import Callable

import redis

from benchmarks import stage
from benchmarks.backlog import work_off
from benchmarks.fleet import Fleet
from benchmarks.measure import Figure, median, times
from cloudassist.client import Assistant
from cloudassist.duties.aggregator import Aggregator
from cloudassist.store.ledger import Ledger

QUESTION = "reading"
SIZES = (100, 1_000, 10_000, 50_000)
QUICK_SIZES = (100, 500, 2_000, 10_000)
PAGE = 50


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    sizes, count = (QUICK_SIZES, 50) if quick else (SIZES, 200)
    with stage.server() as (url, folder), redis.Redis.from_url(url) as client:
        fleet = Fleet(url, folder, max(sizes))
        settings = stage.settings(url, folder, max(sizes))
        with Assistant(settings=settings) as assistant:
            runs = {size: assistant.run_command("true", instance_ids=fleet.names[:size]).invoke_id for size in sizes}
            for size, invoke_id in runs.items():
                fleet.finish(invoke_id, fleet.names[:size])
            with Ledger(url) as ledger:
                aggregator = Aggregator(ledger, settings, [fleet.region_key])
                work_off(client, aggregator)
                aggregator.finish()
            reads = [look for invoke_id in runs.values() for look in _reads(assistant, invoke_id)]
            # In turns: what the machine does meanwhile is the same for all sizes.
            rounds = [[times(look, 1)[0] for look in (client.ping, *reads)] for _ in range(count)]
        fleet.close()
    floor, *values = (median(taken) for taken in zip(*rounds, strict=True))
    figures = [Figure(QUESTION, "a PING", floor, "ms")]
    for number, what in enumerate(("status of a run", f"page of {PAGE} results")):
        for size, value in zip(sizes, values[number::2], strict=True):
            goal = ("≤ 5 ms and ≤ 1.2", "≤ 30 ms and ≤ 1.2")[number] if size == sizes[-1] else ""
            ratio = value / values[number]
            figures.append(Figure(QUESTION, what, value, "ms", ratio, f"a run of {sizes[0]}", goal, at=size))
    return figures


def _reads(assistant: Assistant, invoke_id: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return what reads how a run stands, and what reads a page of its results."""
    invocation = assistant.invocation(invoke_id)
    assert invocation.refresh().ended

    def page() -> object:
        return assistant.describe_invocation_results(invoke_id, max_results=PAGE)

    return invocation.refresh, page
