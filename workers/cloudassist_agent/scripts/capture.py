"""The output of a script, bounded: its first and its last part are kept, what lies between is counted."""

from cloudassist_agent.scripts.mask import Mask


class Capture:
    """Takes bytes without limit and keeps at most ``limit`` of them: half for the head, half for the tail.

    What ``mask`` takes out of them is neither kept nor counted.
    """

    def __init__(self, limit: int, mask: Mask | None = None) -> None:
        self._mask = mask
        self._head_limit = limit // 2
        self._tail_limit = limit - self._head_limit
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Take more output."""
        self._keep(data if self._mask is None else self._mask.feed(data))

    def end(self) -> None:
        """Take what was held back, since it could have been the beginning of a secret."""
        if self._mask is not None:
            self._keep(self._mask.rest())

    def _keep(self, data: bytes) -> None:
        self.total += len(data)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        # Cut now and then instead of each time: what is cut moves all the rest.
        if len(self._tail) > 4 * self._tail_limit:
            del self._tail[: -self._tail_limit]

    @property
    def kept(self) -> bytes:
        """Return the head and the tail."""
        return bytes(self._head + self._tail[-self._tail_limit :])

    @property
    def dropped(self) -> int:
        """Return how many bytes were not kept."""
        return self.total - len(self.kept)

    def since(self, position: int, most: int) -> tuple[int, bytes]:
        """Return what came after so many bytes, the last ``most`` bytes of it, and at which byte that begins."""
        wanted = min(self.total - position, most, self._tail_limit)
        if wanted <= 0:
            return self.total, b""
        last = self._tail[-wanted:] if wanted <= len(self._tail) else (self._head + self._tail)[-wanted:]
        return self.total - len(last), bytes(last)
