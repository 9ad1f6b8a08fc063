"""What is told to whoever had this run: steps, the end, and why something could not be done."""

import json
import sys


class Failure(Exception):  # noqa: N818 - its code says what it is
    """A step could not be done; ``code`` is a word for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def tell(**line: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
