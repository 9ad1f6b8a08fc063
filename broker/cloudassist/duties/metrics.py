"""What Prometheus is told of a region by any control worker that has a port for it: read from the ledger when asked."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloudassist.duties.aggregator import Aggregator
from cloudassist.errors import ServiceUnavailableError
from cloudassist.store import instances, reports, sweeps
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

OVERDUE_MS: Final = 60_000
"""Milliseconds after which a record that the sweeper should have looked at counts as overdue."""
_PREFIX: Final = "cloudassist_"


class RegionMetrics(Collector):
    """The numbers of a region, and how far this worker's aggregator is behind."""

    def __init__(self, ledger: Ledger, aggregator: Aggregator) -> None:
        self._ledger = ledger
        self._aggregator = aggregator

    def collect(self) -> Iterator[Metric]:
        """Read them; while the server is away, only that is told."""
        begun = time.monotonic()
        try:
            found = list(self._read())
        except ServiceUnavailableError as error:
            log.warning("metrics: %s", error.message)
            found = []
        yield _gauge("up", "Whether the server answers this worker.", bool(found))
        yield _gauge("scrape_seconds", "Seconds that reading these numbers took.", time.monotonic() - begun)
        yield from found

    def _read(self) -> Iterable[Metric]:
        now, takers = self._ledger.run([instances.server_time(), reports.takers()])
        waiting, *taken = self._ledger.run(reports.backlog(takers))
        registered, unfinished, overdue, rejected = self._ledger.run(
            [instances.total(), sweeps.count_open(), sweeps.count_due_before(now - OVERDUE_MS), reports.rejected()]
        )
        behind = self._aggregator.behind_seconds
        yield _gauge("reports_waiting", "Reports that no aggregator has taken.", waiting)
        yield _gauge("reports_taken", "Reports that aggregators have taken and not yet applied for good.", sum(taken))
        yield _gauge("aggregators", "Aggregators that give signs of life.", len(takers))
        yield _gauge("aggregator_behind_seconds", "Seconds since this aggregator last had all that waited.", behind)
        yield _gauge("instances_registered", "Instances that are registered.", registered)
        yield _gauge("records_open", "Records that have not ended.", unfinished)
        yield _gauge("records_overdue", "Records that no sweeper has looked at in time.", overdue)
        messages = CounterMetricFamily(
            f"{_PREFIX}rejected_messages", "Messages put aside, by reason.", labels=["reason"]
        )
        for reason, count in rejected.items():
            messages.add_metric([reason], count)
        yield messages


def serve(ledger: Ledger, aggregator: Aggregator, address: str, port: int) -> Callable[[], None]:
    """Answer on a port; return what ends that. Where it cannot be had, that is logged: the duties matter more."""
    registry = CollectorRegistry()
    registry.register(RegionMetrics(ledger, aggregator))
    try:
        server, _ = start_http_server(port, address, registry)
    except OSError as error:
        log.error("no metrics: port %d on %s cannot be had: %s", port, address, error)
        return lambda: None
    log.info("metrics on %s:%d", address, port)

    def end() -> None:
        server.shutdown()
        server.server_close()

    return end


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, meaning, value)
