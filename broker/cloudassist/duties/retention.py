"""Retention: lets finished invocations, and runs of recurring ones, go that are too old, or more than are to be kept.

Each key has a lifetime of its own as well; what is left to do here is the lists that name invocations, and whatever
exceeds the number.
"""

import logging
from typing import Final

from cloudassist import ids
from cloudassist.looper import Looper
from cloudassist.settings import Settings
from cloudassist.store import invocations, retention, schedules
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

MOST: Final = 20
"""Invocations that one turn lets go."""
CHUNK: Final = 500
"""Records removed in one call: two keys each."""
HISTORIES: Final = 100
"""Recurring tasks whose histories one turn looks at."""
REST_SECONDS: Final = 10.0
"""Seconds between two turns where nothing is to go."""


class Retention(Looper):
    """The duty; several may run at once: what one has removed, the other does not find."""

    name = "retention"

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        super().__init__()
        self._ledger = ledger
        self._settings = settings
        self._next = 0

    def turn(self) -> float:
        """Let a few invocations go; return the seconds to rest."""
        age_ms = int(1000 * self._settings.retention_seconds)
        kept, kept_bytes = self._settings.retention_invocations, self._settings.retention_bytes
        retired = self._ledger.call(retention.list_retired(age_ms, kept, kept_bytes, MOST))
        for invoke_id in retired:
            self._forget(invoke_id)
        if retired:
            log.info("forgot %d invocations", len(retired))
        self._retire_runs(age_ms)
        runs = self._ledger.call(retention.take_retired(MOST))
        for run in runs:
            self._forget_run(run)
        return 0 if MOST in {len(retired), len(runs)} else REST_SECONDS

    def _retire_runs(self, age_ms: int) -> None:
        """Look at the histories of some recurring tasks, of others the next time."""
        names = self._ledger.call(retention.page_schedules(self._next, HISTORIES))
        self._next = self._next + HISTORIES if len(names) == HISTORIES else 0
        self._ledger.run([retention.retire_runs(name, age_ms, self._settings.history_bytes) for name in names])

    def finish(self) -> None:
        """Nothing is held."""

    def _forget(self, invoke_id: str) -> None:
        while runs := self._ledger.call(schedules.page_history(invoke_id, None, MOST)):
            for run in runs:
                self._forget_run(run)
        self._forget_records(invoke_id)
        self._ledger.call(retention.forget_invocation(invoke_id))

    def _forget_run(self, run: str) -> None:
        """Let one run of a recurring task go."""
        self._forget_records(run)
        self._ledger.call(retention.forget_run(run))

    def _forget_records(self, run: str) -> None:
        start = 0
        while names := self._ledger.call(invocations.page_targets(ids.task_of(run), start, CHUNK)):
            self._ledger.call(retention.forget_records(run, names))
            start += len(names)
