"""The duty of a worker of the role enrol, as a step of Celery's worker."""

from typing import Any

from celery import bootsteps

from cloudassist.address import database_of
from cloudassist.control.settings import ControlSettings
from cloudassist.duties.enroller import Enroller
from cloudassist.store.ledger import Ledger


class Enrolling(bootsteps.StartStopStep):  # type: ignore[misc]
    """Brings instances in and lets them go, for the life of the worker."""

    requires = ("celery.worker.components:Pool",)

    def start(self, worker: Any) -> None:
        """Begin. The functions are loaded by control workers."""
        settings: ControlSettings = worker.app.settings
        self._ledger = Ledger.of(settings, loads=False)
        self._enroller = Enroller(
            self._ledger,
            settings,
            database=database_of(settings.url),
            remote_control=settings.instances_remote_control,
        )
        self._enroller.start()

    def stop(self, _worker: Any) -> None:
        """End, after the turn that is under way."""
        self._enroller.stop()
        self._ledger.close()
