"""What an operation may ask of whoever drives it."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cloudassist.orders import Order
from cloudassist.store.call import Call

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Publish:
    """Sign these orders and send them out; a failure to do so is repaired later and is not the caller's business."""

    orders: Sequence[Order]


Ask = Sequence[Call[Any]]
"""Calls to carry out in one round trip; their answers come back in order."""

Step = Ask | Publish
Operation = Generator[Step, list[Any], T]
"""Yields steps, is sent the answers (none for a publish), returns the operation's result."""
