"""What an operation may ask of whoever drives it, and how far one has come."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cloudassist.errors import CloudAssistError
from cloudassist.orders import Order
from cloudassist.pushing import Message
from cloudassist.settings import Settings
from cloudassist.store.call import Call
from cloudassist.warrant import Warrant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sign:
    """Carry out calls in one round trip and sign orders meanwhile; the answers of the calls, then a list of messages.

    Without either: see to it that the signing key is there, so that nothing is planned which could not be signed.
    """

    orders: Sequence[Order] = ()
    calls: Sequence[Call[Any]] = ()


@dataclass(frozen=True, slots=True)
class Publish:
    """Send messages out; a failure to do so is repaired later and is not the caller's business."""

    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Seal:
    """Sign a warrant; the answer is its text."""

    warrant: Warrant


@dataclass(frozen=True, slots=True)
class Pin:
    """Read which root key is trusted; the answer is a keyset.Root."""


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait for a notice of an invocation, at most so many seconds; from the first time on, notices are collected."""

    invoke_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Hand a value to whoever follows the operation."""

    value: Any


Ask = Sequence[Call[Any]]
"""Calls to carry out in one round trip; their answers come back in order."""

Step = Ask | Sign | Publish | Seal | Pin | Hear | Tell
Operation = Generator[Step, list[Any], T]
"""Yields steps, is sent the answers of an Ask, returns the operation's result. Errors are thrown into it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every operation is given: the settings, and who calls."""

    settings: Settings
    caller: str

    @classmethod
    def of(cls, settings: Settings) -> "Context":
        """Return the context of a producer with these settings."""
        return cls(settings, settings.caller_name)


class Course(Generic[T]):
    """An operation under way: ``step`` is what it asks for now, ``result`` what it returned once it has ``ended``."""

    step: Step
    result: T

    def __init__(self, operation: Operation[T]) -> None:
        self._operation = operation
        self.ended = False
        self._advance(lambda: next(operation))

    def answer(self, answers: list[Any]) -> None:
        """Hand over the answers of the step; the next one is in ``step``."""
        self._advance(lambda: self._operation.send(answers))

    def fail(self, error: CloudAssistError) -> None:
        """Let the operation know that the step failed; raises the error where the operation does not bear with it."""
        self._advance(lambda: self._operation.throw(error))

    def _advance(self, move: Callable[[], Step]) -> None:
        try:
            self.step = move()
        except StopIteration as end:
            self.result = end.value
            self.ended = True
