"""The control plane's Celery application: ``celery -A cloudassist worker``.

The role ``control`` runs the aggregator, the sweeper, heartbeats and retention; the role ``dispatch`` holds the signing
key and runs two tasks. The same application serves ``celery -A cloudassist inspect`` and ``assist``, and as the role
``flower`` ``celery -A cloudassist flower``: that hears events, and its own words reach nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any

from celery import bootsteps

from cloudassist import topology, transport
from cloudassist.app import Application, from_environment
from cloudassist.dispatch.occurrences import Occurrences
from cloudassist.dispatch.redelivery import Redelivery
from cloudassist.dispatch.tasks import Occur, Redeliver, redeliver
from cloudassist.dispatch.warrants import Warrants
from cloudassist.duties.aggregator import Aggregator
from cloudassist.duties.heartbeats import Heartbeats
from cloudassist.duties.key_set import KeySetKeeper
from cloudassist.duties.retention import Retention
from cloudassist.duties.sweeper import Sweeper
from cloudassist.errors import ConfigurationError
from cloudassist.fanout import Fanout
from cloudassist.keyring import AgreementKey, SigningKey
from cloudassist.keyset import KeySet, Root
from cloudassist.looper import Looper
from cloudassist.settings import Settings, bounded, read
from cloudassist.store.ledger import Ledger


class Role(StrEnum):
    """What a worker of the control plane does."""

    CONTROL = "control"
    DISPATCH = "dispatch"
    FLOWER = "flower"


@dataclass(frozen=True, kw_only=True)
class ControlSettings(Settings):
    """Settings of a worker of the control plane."""

    role: str = Role.CONTROL
    """``control`` (aggregator, sweeper, heartbeats, retention), ``dispatch`` (holds the signing key), or ``flower``."""
    metrics_port: int = bounded(0, least=0, most=65_535)
    """Port on which a control worker answers Prometheus; 0: none. Needs the extra ``metrics``."""
    metrics_address: str = "127.0.0.1"
    """Address that it listens on."""

    def __post_init__(self) -> None:
        """Check the role besides the rest."""
        super().__post_init__()
        if self.role not in set(Role):
            raise ConfigurationError(f"CLOUDASSIST_ROLE must be one of {', '.join(Role)}; it is {self.role!r}")


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
        aggregator = Aggregator(waiting, settings, keys)
        self._loopers = [
            aggregator,
            Sweeper(shared, settings, redeliver(worker.app)),
            Heartbeats(shared),
            Retention(shared, settings),
        ]
        if settings.key_set_file.exists():
            self._loopers.append(KeySetKeeper(shared, settings, Root.of(settings)))
        for looper in self._loopers:
            looper.start()
        if settings.metrics_port:
            # Only who asks for it needs the library.
            metrics = import_module("cloudassist.duties.metrics")
            self._end_metrics = metrics.serve(shared, aggregator, settings.metrics_address, settings.metrics_port)

    def stop(self, _worker: Any) -> None:
        """End the duties, each after its turn."""
        self._end_metrics()
        for looper in self._loopers:
            looper.stop()
        for ledger in self._ledgers:
            ledger.close()
        self._loopers, self._ledgers = [], []


class Signing(bootsteps.StartStopStep):  # type: ignore[misc]
    """Gives the worker what it takes to sign and send, for the worker's life."""

    requires = ("celery.worker.components:Pool",)

    def start(self, worker: Any) -> None:
        """Read the key and connect."""
        app: ControlApplication = worker.app
        self._ledger = Ledger.of(app.settings, loads=False)
        key = SigningKey.load(app.settings.signing_key_file)
        self._fanout = Fanout(app.settings, key)
        warrants = Warrants(self._ledger, key, Root.of(app.settings))
        app.redelivery = Redelivery(self._ledger, self._fanout, app.settings, warrants)
        app.occurrences = Occurrences(self._ledger, self._fanout, app.settings, warrants)

    def stop(self, _worker: Any) -> None:
        """Disconnect."""
        self._fanout.close()
        self._ledger.close()


class ControlApplication(Application):
    """The application of a role of the control plane; a dispatch worker has what its tasks need while it runs."""

    settings: ControlSettings
    redelivery: Redelivery
    occurrences: Occurrences

    def check(self) -> None:
        """Raise ConfigurationError where a worker of this role could not work."""
        if self.settings.role == Role.DISPATCH:
            SigningKey.load(self.settings.signing_key_file)
            Root.of(self.settings)
        else:
            AgreementKey.load(self.settings.report_key_file, "report")
            if self.settings.key_set_file.exists():
                KeySet.load(self.settings.key_set_file, Root.of(self.settings))


def make_app(settings: ControlSettings) -> ControlApplication:
    """Return the application of one role of the control plane."""
    dispatch = settings.role == Role.DISPATCH
    queue = topology.DISPATCH_QUEUE if dispatch else topology.DEFAULT_QUEUE
    exchange = topology.FLOWER_EXCHANGE if settings.role == Role.FLOWER else topology.CONTROL_EXCHANGE
    app = ControlApplication(
        "cloudassist",
        settings,
        task_default_queue=queue,
        task_queues=transport.direct_queues([queue]),
        worker_concurrency=2,
        worker_send_task_events=True,
        control_exchange=exchange,
    )
    if dispatch:
        app.register_task(Redeliver())
        app.register_task(Occur())
        app.steps["worker"].add(Signing)
    else:
        app.steps["worker"].add(Duties)
    return app


@cache
def application() -> ControlApplication:
    """Return the application that ``celery -A cloudassist`` uses, from the environment."""
    return from_environment(lambda: make_app(read(ControlSettings)))
