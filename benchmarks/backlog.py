"""Working off what waits for an aggregator.

``python -m benchmarks.backlog URL FOLDER`` does so as a process of its own, whenever it is told to.
"""

import sys
from pathlib import Path

import redis

from cloudassist import topology
from cloudassist.duties.aggregator import Aggregator
from cloudassist.keyring import AgreementKey
from cloudassist.settings import Settings
from cloudassist.store.ledger import Ledger


def work_off(client: redis.Redis, aggregator: Aggregator) -> None:
    """Have an aggregator apply all reports that wait."""
    while client.llen(topology.REPORTS_QUEUE) or aggregator.behind_seconds:
        aggregator.turn()


def main() -> None:
    """Work off what waits for each line that is read; say so when ready, and after each."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    key = AgreementKey.load(folder / "report.key", "report")
    with Ledger(url) as ledger, redis.Redis.from_url(url) as client:
        aggregator = Aggregator(ledger, Settings(url=url, state_dir=folder), [key])
        print("ready", flush=True)
        for _ in sys.stdin:
            work_off(client, aggregator)
            print("done", flush=True)
        aggregator.finish()


if __name__ == "__main__":
    main()
