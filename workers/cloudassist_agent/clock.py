"""The server's clock, as an agent knows it: learned with each answer, carried on by the monotonic clock between."""

import time
from collections.abc import Sequence


class ServerClock:
    """Milliseconds by the server's clock. The host's own wall clock is never asked once the server was heard."""

    def __init__(self) -> None:
        self._offset = time.time() * 1000 - self._monotonic()

    def learn(self, answer: Sequence[int | bytes]) -> int:
        """Take the server's answer to TIME (seconds, microseconds), as it is written; return it in milliseconds."""
        seconds, microseconds = answer
        now = int(seconds) * 1000 + int(microseconds) // 1000
        self._offset = now - self._monotonic()
        return now

    def now(self) -> int:
        """Return the time."""
        return int(self._offset + self._monotonic())

    def host_offset(self) -> int:
        """Return how far the host's own clock is ahead of the server's, in milliseconds."""
        return int(time.time() * 1000) - self.now()

    @staticmethod
    def _monotonic() -> float:
        return time.monotonic() * 1000
