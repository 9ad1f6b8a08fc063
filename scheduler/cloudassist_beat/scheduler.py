"""Celery beat's scheduler over the ledger.

Schedules come from runs and invokes only, never from a static ``beat_schedule``: nothing is done on our own initiative.
"""

from typing import Any, Final

from celery.beat import Scheduler as CeleryScheduler

IDLE_SECONDS: Final = 5.0
"""Seconds between two looks where nothing is scheduled."""


class Scheduler(CeleryScheduler):  # type: ignore[misc]
    """A scheduler that has no entries of its own."""

    def setup_schedule(self) -> None:
        """Begin with nothing: Celery's own default entries are not wanted either."""

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Return the seconds to rest."""
        return IDLE_SECONDS
