"""How many messages were not accepted, and why."""

from collections import Counter
from threading import Lock


class Refusals:
    """Counts refused messages by reason; safe between threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, reason: str) -> int:
        """Count one more; return how many there are now."""
        with self._lock:
            self._counts[reason] += 1
            return self._counts[reason]

    def as_dict(self) -> dict[str, int]:
        """Return the counts by reason."""
        with self._lock:
            return dict(self._counts)
