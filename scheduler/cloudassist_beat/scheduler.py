"""Celery beat's scheduler over the ledger.

Schedules come from runs and invokes only, never from a static ``beat_schedule``: nothing is done on our own initiative.
Any number of beats may run: each moment is claimed once, in one function of the ledger, and handed to dispatch. What a
beat knows by itself is only what its expressions mean.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any, Final

from celery.beat import Scheduler as CeleryScheduler

from cloudassist import ids
from cloudassist.dispatch import tasks
from cloudassist.errors import CloudAssistError
from cloudassist.patience import Patience
from cloudassist.store import keys, schedules
from cloudassist.store.call import Call
from cloudassist.store.ledger import Ledger
from cloudassist.store.schedules import Claim, What
from cloudassist_beat.calendar import Calendar

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 2.0
"""Seconds between two looks where nothing is due: a notice comes at once where there is something new."""
AHEAD_MS: Final = 4_000
"""Milliseconds for which a beat looks ahead, so that all is worked out by the moment at which it is due."""
NEAR_MS: Final = 500
"""Milliseconds by which looking ahead is put off for a moment that comes: looking at thousands would make it late."""
FORESEEN: Final = 100
"""Moments that come together from which on dispatch is told ahead: of fewer, telling costs more than it saves."""
MOST: Final = 10_000
"""Tasks that are listed at a time."""
CLAIMED_AT_A_TIME: Final = 1_000
"""Moments claimed in one call: it takes the server a few milliseconds."""
HOLD_MS: Final = 3_000
"""Milliseconds after which a moment that dispatch has not planned is handed to it again."""


class Scheduler(CeleryScheduler):  # type: ignore[misc]
    """A scheduler that has no entries of its own."""

    def setup_schedule(self) -> None:
        """Connect. Celery's own default entries are not wanted."""
        self._ledger = Ledger.of(self.app.settings, loads=False)
        self._calendar = Calendar(self._ledger)
        self._patience = Patience(log, "schedules")
        self._foreseen: frozenset[str] = frozenset()
        # Never closed: Celery would do that in a signal handler, under the hands of whoever waits, and then end.
        self._open = ExitStack()
        self._listener = self._open.enter_context(self._ledger.listen(keys.changes(schedules.CHANNEL)))

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Look what comes, and claim it and hand it over when it is due; return the seconds to rest."""
        try:
            self._turn()
        except CloudAssistError as error:
            return self._patience.failed(error.message)
        self._patience.succeeded()
        return 0.0

    def _turn(self) -> None:
        """Claim what is due, and what comes due until there is news, or it is time to look ahead again."""
        due = self._ledger.call(schedules.list_due(AHEAD_MS, MOST))
        begun = time.monotonic()
        if due.hand_over_at is not None and due.hand_over_at <= due.now:
            self._hand_over([schedules.take_claimed(HOLD_MS, CLAIMED_AT_A_TIME)])
        claims = self._calendar.claims(due.tasks, due.now)
        coming = [claim for claim in claims if claim.due > due.now]
        waiting = [(several[0].due, schedules.claim(several, HOLD_MS)) for several in _together(claims)]
        until = due.now + int(1000 * IDLE_SECONDS) if len(due.tasks) < MOST else due.tasks[-1][1]
        if due.hand_over_at is not None:
            until = min(until, max(due.hand_over_at, due.now + 1))
        until = max([until, *(moment for moment, _ in waiting if moment <= until + NEAR_MS)])
        while True:
            now = due.now + 1000 * (time.monotonic() - begun)
            ready = [call for moment, call in waiting if moment <= now]
            waiting = waiting[len(ready) :]
            if ready:
                self._hand_over(ready)
                continue
            if coming:
                self._foresee(coming)
                coming = []
                continue
            first = waiting[0][0] if waiting else until
            seconds = (min(first, until) - now) / 1000
            if seconds <= 0 or self._listener.wait(seconds):
                return

    def _foresee(self, coming: Sequence[Claim]) -> None:
        """Tell dispatch what comes, once, so that it knows and has verified it by then."""
        named = frozenset(ids.occurrence_id(claim.invoke_id, claim.due) for claim in coming if claim.what is What.RUN)
        new = named - self._foreseen
        self._foreseen = named
        if len(new) >= FORESEEN:
            tasks.foresee(self.app, sorted(new))

    def _hand_over(self, calls: Sequence[Call[list[str]]]) -> None:
        """Claim, and hand what was claimed to dispatch."""
        for claimed in self._ledger.run(calls):
            tasks.occur(self.app, claimed)


def _together(claims: Sequence[Claim]) -> Iterator[list[Claim]]:
    """Return the claims of the same moment together, up to so many."""
    for _, of_moment in groupby(claims, key=lambda claim: claim.due):
        several = list(of_moment)
        for start in range(0, len(several), CLAIMED_AT_A_TIME):
            yield several[start : start + CLAIMED_AT_A_TIME]
