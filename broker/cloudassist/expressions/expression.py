"""What all forms of an expression have in common."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

COUNTED: Final = 1_000
"""Moments that are counted one by one in one go, the most: the rest is there the next time."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The moments from one on up to another: how many they are, and the last of them."""

    count: int
    last: int


class Expression(ABC):
    """One expression. ``anchor`` is the creation of the task, from which intervals are counted; all in milliseconds."""

    @abstractmethod
    def after(self, moment: int, anchor: int) -> int | None:
        """Return the first moment after another one; None where there is none."""

    @property
    @abstractmethod
    def sentence(self) -> str:
        """Say it in words."""

    def passed(self, due: int, now: int, anchor: int) -> Passed:
        """Return the moments from ``due``, which is one, up to ``now``, or the first COUNTED of them."""
        count, last = 1, due
        while count < COUNTED and (following := self.after(last, anchor)) is not None and following <= now:
            count, last = count + 1, following
        return Passed(count, last)
