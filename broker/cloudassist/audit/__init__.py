"""The audit: whether the ledger's books are right, and putting right what is not.

Every rule is judged at one moment: what looks wrong is looked at again, alone, before it counts. So it can run beside
whatever else goes on.
"""

from collections.abc import Iterator

from cloudassist.audit import counters, lifetimes, places, queues, room, unattended
from cloudassist.audit.finding import Finding, Kind
from cloudassist.settings import Settings
from cloudassist.store.ledger import Ledger

__all__ = ["Finding", "Kind", "findings"]


def findings(ledger: Ledger, settings: Settings, *, repair: bool = False) -> Iterator[Finding]:
    """Look through the whole ledger, as a user who may do everything; ``repair`` puts right what can be.

    Raises ConfigurationError where the user may not do that.
    """
    retention_ms = int(1000 * settings.retention_seconds)
    yield from lifetimes.findings(ledger, retention_ms, repair=repair)
    yield from places.findings(ledger, repair=repair)
    yield from queues.findings(ledger, repair=repair)
    yield from counters.findings(ledger, retention_ms, repair=repair)
    yield from room.findings(ledger, repair=repair)
    yield from unattended.findings(ledger)
