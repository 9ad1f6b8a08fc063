"""Whether the silence of an instance means anything: not while its word may be under way, or was refused."""

import time
from collections.abc import Callable

from cloudassist.store import reports, sweeps
from cloudassist.store.ledger import Ledger


class Silence:
    """Judged anew for each turn of a sweeper, after it has read its records, so that no report can hide.

    Nothing is concluded from silence while reports wait to be applied, nor within ``settle_seconds`` of a start of the
    server or of a moment when it was full: its instances could not say anything then, and have yet to say it again.
    """

    def __init__(self, ledger: Ledger, settle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._refusals: int | None = None
        self._refused_at = 0.0

    def means_something(self) -> bool:
        """Tell whether a verdict may be made from silence now."""
        server, takers = self._ledger.run([sweeps.server_state(), reports.takers()])
        now = self._clock()
        if server.refusals != (self._refusals or 0):
            # Seen for the first time, it may be long ago, or just now.
            self._refused_at = now
        settled = server.uptime_seconds >= self._settle_seconds and (
            server.refusals == 0 or now >= self._refused_at + self._settle_seconds
        )
        self._refusals = server.refusals
        return settled and not any(self._ledger.run(reports.backlog(takers)))
