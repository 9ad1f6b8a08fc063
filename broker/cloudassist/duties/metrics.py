"""What Prometheus is told by any control worker that has a port for it. docs/operations.md says what each number means.

What is of the region is read from the ledger when somebody asks, and is the same at every worker. What a worker has
done itself is counted in its memory: those numbers add up over all workers.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cloudassist.duties import region_numbers
from cloudassist.duties.aggregator import Aggregator
from cloudassist.duties.distribution import Distribution
from cloudassist.duties.heartbeats import Heartbeats
from cloudassist.duties.region_numbers import RegionNumbers
from cloudassist.duties.tally import BOUNDS_MS, Tally
from cloudassist.error_code import ErrorCode
from cloudassist.errors import ServiceUnavailableError
from cloudassist.status import InvocationStatus
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

_PREFIX: Final = "cloudassist_"
_UNTOLD: Final = {
    (InvocationStatus.FAILED.value, code.value): 0
    for code in (ErrorCode.DELIVERY_TIMEOUT, ErrorCode.CLIENT_NOT_RESPONSE)
}
"""How a record ends without its instance's word. Somebody is woken for these, so they are told from the first: a number
that only appears has not increased."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers of one worker come from."""

    ledger: Ledger
    aggregator: Aggregator
    heartbeats: Heartbeats
    tally: Tally


class WorkerMetrics(Collector):
    """The numbers of a region as one control worker tells them, and its own."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Read them; while the server is away, only that and the worker's own are told."""
        begun = time.monotonic()
        found = self._read()
        yield _gauge("up", "Whether the server answers this worker.", found is not None)
        yield _gauge("scrape_seconds", "Seconds that reading these numbers took.", time.monotonic() - begun)
        if found is not None:
            yield from _of_region(found)
            yield from _of_server(found)
        yield from self._of_worker()

    def _read(self) -> RegionNumbers | None:
        try:
            return region_numbers.read(self._sources.ledger)
        except ServiceUnavailableError as error:
            log.warning("metrics: %s", error.message)
            return None

    def _of_worker(self) -> Iterator[Metric]:
        sources, tally = self._sources, self._sources.tally
        behind = sources.aggregator.behind_seconds
        yield _gauge("aggregator_behind_seconds", "Seconds since this aggregator last had all that waited.", behind)
        if sources.heartbeats.online is not None:
            online = sources.heartbeats.online
            yield _gauge("instances_online", "Instances that gave signs of life when last looked at.", online)
        silent = CounterMetricFamily(
            f"{_PREFIX}silent_records", "Silent records, by what this worker's sweeper did.", labels=["action"]
        )
        for action, count in tally.silent.copy().items():
            silent.add_metric([action], count)
        yield silent
        yield _histogram("delivery_seconds", "Seconds from a call to the start of a script.", tally.delivery)
        yield _histogram(
            "schedule_delay_seconds", "Seconds from a moment that was due to a start.", tally.schedule_delay
        )
        yield _histogram("execution_seconds", "Seconds from the start of a script to its end.", tally.execution)


def serve(sources: Sources, address: str, port: int) -> Callable[[], None]:
    """Answer on a port; return what ends that. Where it cannot be had, that is logged: the duties matter more."""
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(sources))
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


def _of_region(found: RegionNumbers) -> Iterator[Metric]:
    yield _gauge("reports_waiting", "Reports that no aggregator has taken.", found.reports_waiting)
    yield _gauge(
        "reports_taken", "Reports that aggregators have taken and not yet applied for good.", found.reports_taken
    )
    yield _gauge("aggregators", "Aggregators that give signs of life.", found.aggregators)
    yield _gauge("instances_registered", "Instances that are registered.", found.instances_registered)
    unfinished = GaugeMetricFamily(f"{_PREFIX}records_open", "Records that have not ended.", labels=["status"])
    for status, count in found.records_open.items():
        unfinished.add_metric([status.value], count)
    yield unfinished
    ended = CounterMetricFamily(f"{_PREFIX}records_ended", "Records that have ended.", labels=["status", "error_code"])
    for labels, count in {**_UNTOLD, **found.records_ended}.items():
        ended.add_metric(labels, count)
    yield ended
    yield _gauge("records_overdue", "Records that no sweeper has looked at in time.", found.records_overdue)
    yield _gauge("schedules", "Recurring tasks that go on.", found.schedules)
    yield _gauge(
        "schedule_late_seconds", "Seconds since a moment was due that no beat has claimed.", found.schedule_late_seconds
    )
    yield _gauge("schedule_moments_unplanned", "Moments that dispatch is to plan.", found.schedule_moments_unplanned)
    yield _gauge("dispatch_waiting", "Messages that wait for dispatch.", found.dispatch_waiting)
    messages = CounterMetricFamily(f"{_PREFIX}rejected_messages", "Messages put aside, by reason.", labels=["reason"])
    for reason, count in found.rejected.items():
        messages.add_metric([reason], count)
    yield messages


def _of_server(found: RegionNumbers) -> Iterator[Metric]:
    info = found.info
    persistent = bool(info["aof_enabled"]) and info["aof_last_write_status"] == "ok"
    refused = info.get("errorstat_OOM", {}).get("count", 0)
    yield _gauge("server_persistent", "Whether the server writes its append-only file.", persistent)
    yield _gauge("server_memory_bytes", "Bytes that the server uses.", info["used_memory"])
    yield _gauge("server_memory_limit_bytes", "Bytes that it may use; 0: no limit.", info["maxmemory"])
    yield _gauge("server_connections", "Connections to the server.", info["connected_clients"])
    yield _gauge("server_connections_limit", "Connections that it accepts.", info["maxclients"])
    yield _gauge("server_replicas", "Replicas that follow the server.", info["connected_slaves"])
    yield CounterMetricFamily(
        f"{_PREFIX}server_refused_writes", "Writes that the server refused for want of memory.", refused
    )


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, meaning, value)


def _histogram(name: str, meaning: str, values: Distribution) -> HistogramMetricFamily:
    counts, total_ms = values.read()
    bounds = [*(str(bound / 1000) for bound in BOUNDS_MS), "+Inf"]
    return HistogramMetricFamily(_PREFIX + name, meaning, list(zip(bounds, counts, strict=True)), total_ms / 1000)
