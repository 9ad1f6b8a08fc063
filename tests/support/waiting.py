"""Waiting for a condition, with a deadline and a description. No test sleeps and hopes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.02


def wait_until(condition: Callable[[], T], what: str, seconds: float = 15.0) -> T:
    """Return the first truthy answer of a condition; fails with the description after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {seconds} s for {what}; the last answer was {answer!r}")
        time.sleep(LOOK_SECONDS)
