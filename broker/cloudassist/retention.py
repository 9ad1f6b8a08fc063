"""Retention: lets finished invocations go that are too old, or more than are to be kept.

Each key has a lifetime of its own as well; what is left to do here is the lists that name invocations, and whatever
exceeds the number.
"""

import logging
from typing import Final

from cloudassist.looper import Looper
from cloudassist.settings import Settings
from cloudassist.store import invocations, retention
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

MOST: Final = 20
"""Invocations that one turn lets go."""
CHUNK: Final = 500
"""Records removed in one call: two keys each."""
REST_SECONDS: Final = 10.0
"""Seconds between two turns where nothing is to go."""


class Retention(Looper):
    """The duty; several may run at once: what one has removed, the other does not find."""

    name = "retention"

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        super().__init__()
        self._ledger = ledger
        self._settings = settings

    def turn(self) -> float:
        """Let a few invocations go; return the seconds to rest."""
        age_ms = int(1000 * self._settings.retention_seconds)
        retired = self._ledger.call(retention.list_retired(age_ms, self._settings.retention_invocations, MOST))
        for invoke_id in retired:
            self._forget(invoke_id)
        if retired:
            log.info("forgot %d invocations", len(retired))
        return 0 if len(retired) == MOST else REST_SECONDS

    def finish(self) -> None:
        """Nothing is held."""

    def _forget(self, invoke_id: str) -> None:
        start = 0
        while names := self._ledger.call(invocations.page_targets(invoke_id, start, CHUNK)):
            self._ledger.call(retention.forget_records(invoke_id, names))
            start += len(names)
        self._ledger.run(retention.forget_invocation(invoke_id))
