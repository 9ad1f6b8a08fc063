"""Heartbeats: remembers when each instance was last heard of. Its own sign of life goes away with it."""

from typing import Final

from cloudassist.looper import Looper
from cloudassist.store import instances
from cloudassist.store.ledger import Ledger

REST_SECONDS: Final = 30.0
"""Seconds between two rounds: what is remembered of an instance that went away is this exact (API a.12: a minute)."""
CHUNK: Final = 500
"""Instances looked at in one call: two keys each."""


class Heartbeats(Looper):
    """The duty; several may run at once, to no harm."""

    name = "heartbeats"

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger
        self._after = ""
        self._seen = 0
        self.online: int | None = None
        """Instances that gave signs of life when all were last looked at; None before that."""

    def turn(self) -> float:
        """Look at some instances; return the seconds to rest, which come when all have been looked at."""
        names = self._ledger.call(instances.page(self._after, CHUNK))
        if names:
            self._seen += self._ledger.call(instances.note_heartbeats(names))
        self._after = names[-1] if len(names) == CHUNK else ""
        if self._after:
            return 0
        self.online, self._seen = self._seen, 0
        return REST_SECONDS

    def finish(self) -> None:
        """Nothing is held."""
