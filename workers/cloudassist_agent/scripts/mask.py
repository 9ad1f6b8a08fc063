"""Masking: secret values are taken out of whatever a script writes, also where one comes in pieces."""

import re
from collections.abc import Iterable
from typing import Final

from cloudassist.secret_values import MASK

LINE_CHARACTERS: Final = 4
"""Characters from which on a line of a longer value is masked by itself: a lone bracket is in everything."""

_MASK: Final = MASK.encode()


class Mask:
    """Takes the output of one script. Every value is masked; of one that has lines, each line as well."""

    def __init__(self, values: Iterable[str]) -> None:
        found = {value for value in values if value}
        found |= {line for value in found for line in value.splitlines() if len(line) >= LINE_CHARACTERS}
        self._secrets = sorted((text.encode() for text in found), key=len, reverse=True)
        self._longest = max(map(len, self._secrets), default=0)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)) or b"(?!)", re.DOTALL)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return what may be shown so far: what could be the beginning of a secret is held back."""
        data = self._held + data
        shown = bytearray()
        position = 0
        while True:
            held = self._beginning(data, position)
            found = self._pattern.search(data, position)
            if found is None or found.start() >= held:
                break
            shown += data[position : found.start()] + _MASK
            position = found.end()
        self._held = data[held:]
        return bytes(shown + data[position:held])

    def rest(self) -> bytes:
        """Return what was held back, now that nothing comes any more."""
        rest, self._held = self._held, b""
        return self._pattern.sub(_MASK, rest)

    def text(self, text: str) -> str:
        """Return a sentence without them."""
        return self._pattern.sub(_MASK, text.encode(errors="replace")).decode(errors="replace")

    def _beginning(self, data: bytes, position: int) -> int:
        """Return where the first thing begins that more data could make a secret; the end where nothing does."""
        for index in range(max(position, len(data) - self._longest + 1), len(data)):
            tail = data[index:]
            if any(len(tail) < len(secret) and secret.startswith(tail) for secret in self._secrets):
                return index
        return len(data)
