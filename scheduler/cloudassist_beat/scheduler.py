"""Celery beat's scheduler over the ledger.

Schedules come from runs and invokes only, never from a static ``beat_schedule``: nothing is done on our own initiative.
Any number of beats may run: each moment is claimed once, in one function of the ledger, and handed to dispatch. What a
beat knows by itself is only what its expressions mean.
"""

import logging
import time
from contextlib import ExitStack
from typing import Any, Final

from celery.beat import Scheduler as CeleryScheduler

from cloudassist import dispatch_tasks
from cloudassist.errors import CloudAssistError
from cloudassist.patience import Patience
from cloudassist.store import keys, schedules
from cloudassist.store.ledger import Ledger
from cloudassist_beat.calendar import Calendar

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 2.0
"""Seconds between two looks where nothing is due: a notice comes at once where there is something new."""
MOST: Final = 500
"""Tasks whose moments are claimed at a time."""
HOLD_MS: Final = 3_000
"""Milliseconds after which a moment that dispatch has not planned is handed to it again."""


class Scheduler(CeleryScheduler):  # type: ignore[misc]
    """A scheduler that has no entries of its own."""

    def setup_schedule(self) -> None:
        """Connect. Celery's own default entries are not wanted."""
        self._ledger = Ledger.of(self.app.settings)
        self._calendar = Calendar(self._ledger)
        self._patience = Patience(log, "schedules")
        self._open = ExitStack()
        self._listener = self._open.enter_context(self._ledger.listen(keys.changes(schedules.CHANNEL)))

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Claim what is due and hand it over, then wait for the next moment or for news; return no time to rest."""
        try:
            seconds = self._claim()
        except CloudAssistError as error:
            return self._patience.failed(error.message)
        self._patience.succeeded()
        if seconds > 0:
            self._listener.wait(min(seconds, IDLE_SECONDS))
        return 0.0

    def close(self) -> None:
        """Disconnect."""
        self._open.close()
        self._ledger.close()
        super().close()

    def _claim(self) -> float:
        """Claim what is due; return the seconds until there is more."""
        now, first, due = self._ledger.call(schedules.list_due(MOST))
        begun = time.monotonic()
        if first is None:
            self._calendar.keep(())
            return IDLE_SECONDS
        if first > now:
            return (first - now) / 1000 - (time.monotonic() - begun)
        claimed = self._ledger.call(schedules.claim(self._calendar.claims(due, now), HOLD_MS, MOST))
        dispatch_tasks.occur(self.app, claimed)
        return 0.0
