"""What dispatch needs to sign and send, as a step of Celery's worker."""

from typing import Any

from celery import bootsteps

from cloudassist.dispatch.occurrences import Occurrences
from cloudassist.dispatch.redelivery import Redelivery
from cloudassist.dispatch.warrants import Warrants
from cloudassist.fanout import Fanout
from cloudassist.keyring import SigningKey
from cloudassist.keyset import Root
from cloudassist.store.ledger import Ledger


class Signing(bootsteps.StartStopStep):  # type: ignore[misc]
    """Gives the worker what it takes to sign and send, for the worker's life."""

    requires = ("celery.worker.components:Pool",)

    def start(self, worker: Any) -> None:
        """Read the key and connect."""
        app = worker.app
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
