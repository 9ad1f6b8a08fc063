"""Requests as the server reads them (RESP), written by hand: redis-py takes longer for most than the server does."""

from collections.abc import Iterable, Sequence

Word = str | bytes | int | float


def pack(requests: Iterable[Sequence[Word]]) -> bytes:
    """Return the bytes of requests, to be sent in one go.

    Each is a sequence of words, of which the first names the command: of two words, as redis-py names some.
    """
    parts = []
    for name, *rest in requests:
        words = (*str(name).split(), *rest)
        parts.append(b"*%d\r\n" % len(words))
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)
