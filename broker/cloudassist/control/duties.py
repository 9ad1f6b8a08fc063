"""The duties of a control worker, as a step of Celery's worker."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from celery import bootsteps

from cloudassist.control.settings import ControlSettings
from cloudassist.dispatch.tasks import redeliver
from cloudassist.duties.aggregator import Aggregator
from cloudassist.duties.heartbeats import Heartbeats
from cloudassist.duties.key_set import KeySetKeeper
from cloudassist.duties.retention import Retention
from cloudassist.duties.sweeper import Sweeper
from cloudassist.duties.tally import Tally
from cloudassist.keyring import AgreementKey
from cloudassist.keyset import Root
from cloudassist.looper import Looper
from cloudassist.store.ledger import Ledger


def _nothing() -> None:
    """Do nothing."""


class Duties(bootsteps.StartStopStep):  # type: ignore[misc]
    """Runs the duties of the control plane for the life of the worker."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        self._loopers: list[Looper] = []
        self._ledgers: list[Ledger] = []
        self._end_metrics: Callable[[], None] = _nothing
        super().__init__(worker, **kwargs)

    def start(self, worker: Any) -> None:
        """Begin the duties."""
        settings: ControlSettings = worker.app.settings
        keys = AgreementKey.load_all(settings.report_key_file, "report")
        # The aggregator's connection waits for reports.
        self._ledgers = [Ledger.of(settings), Ledger.of(settings)]
        waiting, shared = self._ledgers
        tally = Tally() if settings.metrics_port else None
        aggregator = Aggregator(waiting, settings, keys, tally)
        heartbeats = Heartbeats(shared)
        self._loopers = [
            aggregator,
            Sweeper(shared, settings, redeliver(worker.app), tally),
            heartbeats,
            Retention(shared, settings),
        ]
        if settings.key_set_file.exists():
            self._loopers.append(KeySetKeeper(shared, settings, Root.of(settings)))
        for looper in self._loopers:
            looper.start()
        if tally is not None:
            # Only who asks for it needs the library.
            metrics = import_module("cloudassist.duties.metrics")
            sources = metrics.Sources(shared, aggregator, heartbeats, tally)
            self._end_metrics = metrics.serve(sources, settings.metrics_address, settings.metrics_port)

    def stop(self, _worker: Any) -> None:
        """End the duties, each after its turn."""
        self._end_metrics()
        for looper in self._loopers:
            looper.stop()
        for ledger in self._ledgers:
            ledger.close()
        self._loopers, self._ledgers = [], []
