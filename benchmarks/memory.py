"""How much of the server's memory a record takes: while its order waits, and when it has finished."""

from collections.abc import Iterator

import redis

from benchmarks import stage
from benchmarks.backlog import work_off
from benchmarks.fleet import Fleet
from benchmarks.measure import Figure
from cloudassist import ids, topology
from cloudassist.client import Assistant
from cloudassist.duties.aggregator import Aggregator
from cloudassist.settings import Settings
from cloudassist.store.ledger import Ledger

QUESTION = "memory"
SIZES = (1_000, 5_000, 20_000, 50_000)
QUICK_SIZES = (500, 1_000, 2_000, 5_000)
SCRIPTS = {"a script of 4 bytes": "true", "a script of 12 KB": "#" * 12_000}
OUTPUT = b"x" * 1_024
KB = 1_024
_AT_ONCE = 1_000


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    figures: list[Figure] = []
    for size in QUICK_SIZES if quick else SIZES:
        with stage.server() as (url, folder), redis.Redis.from_url(url) as client:
            fleet = Fleet(url, folder, size)
            settings = stage.settings(url, folder, size)
            figures += _of(size, fleet, settings, client)
            fleet.close()
    return sorted(figures, key=lambda figure: figure.what)


def _of(size: int, fleet: Fleet, settings: Settings, client: redis.Redis) -> Iterator[Figure]:
    """Measure on a server of its own: a run is the second on its instances, which have places of their own by then."""
    with Assistant(settings=settings) as assistant, Ledger(settings.url) as ledger:
        aggregator = Aggregator(ledger, settings, [fleet.region_key])

        def run(script: str) -> str:
            return assistant.run_command(script, instance_ids=fleet.names).invoke_id

        def finish(invoke_id: str) -> None:
            fleet.finish(invoke_id, fleet.names, OUTPUT)
            work_off(client, aggregator)
            aggregator.turn()  # what was taken last is removed with the next take

        finish(run("true"))
        for what, script in SCRIPTS.items():
            empty = _used(client)
            invoke_id = run(script)
            waiting = _used(client)
            _claim(client, invoke_id, fleet.names)
            claimed = _used(client)
            client.unlink(*map(topology.instance_queue, fleet.names))
            gone = _used(client)
            finish(invoke_id)
            finished = _used(client)
            of_ledger = waiting - empty - (claimed - gone)
            yield _figure(size, f"an order that waits, in its queue; {what}", claimed - gone, "≤ 1.1 KB")
            yield _figure(size, f"an order that waits, in the ledger; {what}", of_ledger, "≤ 1 KB")
            yield _figure(size, f"a record's claim while its order could be valid; {what}", claimed - waiting, "")
            kept = finished - empty - (claimed - waiting)
            yield _figure(size, f"a finished record, output 1 KB; {what}", kept, "≤ 2 KB")


def _figure(size: int, what: str, used: int, goal: str) -> Figure:
    return Figure(QUESTION, what, used / size / KB, "KB", goal=goal, at=size)


def _claim(client: redis.Redis, invoke_id: str, names: list[str]) -> None:
    """Set the claims as agents would; a finished record's goes away minutes later."""
    for start in range(0, len(names), _AT_ONCE):
        with client.pipeline(transaction=False) as pipe:
            for name in names[start : start + _AT_ONCE]:
                pipe.set(topology.claim_key(name, ids.record_id(invoke_id, name)), "j" * 40, px=600_000)
            pipe.execute()


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])
