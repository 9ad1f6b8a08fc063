"""Drives operations synchronously: one connection to the ledger, one to publish over, shared between threads."""

from collections.abc import Iterator
from contextlib import ExitStack
from threading import Lock
from typing import Any, TypeVar

from cloudassist.errors import CloudAssistError
from cloudassist.fanout import Fanout
from cloudassist.keyring import SigningKey
from cloudassist.keyset import Root
from cloudassist.operations.steps import Context, Course, Hear, Operation, Pin, Publish, Seal, Sign, Step, Tell
from cloudassist.pushing import Message
from cloudassist.settings import Settings
from cloudassist.store import keys
from cloudassist.store.ledger import Ledger, Listener

T = TypeVar("T")


class Session:
    """What a producer holds while it is connected to one region."""

    def __init__(self, settings: Settings) -> None:
        self.context = Context.of(settings)
        self._ledger = Ledger.of(settings)
        self._signer = Signer(settings)

    def drive(self, operation: Operation[T]) -> T:
        """Carry out what an operation asks for until it returns."""
        course = Course(operation)
        for _ in self._walk(course):
            pass
        return course.result

    def follow(self, operation: Operation[T]) -> Iterator[Any]:
        """Carry an operation out and yield what it tells."""
        yield from self._walk(Course(operation))

    def close(self) -> None:
        """Close every connection."""
        self._signer.close()
        self._ledger.close()

    def _walk(self, course: Course[T]) -> Iterator[Any]:
        with ExitStack() as listening:
            listeners: dict[str, Listener] = {}
            while not course.ended:
                step = course.step
                if isinstance(step, Tell):
                    yield step.value
                    course.answer([])
                    continue
                try:
                    if isinstance(step, Hear) and step.invoke_id not in listeners:
                        channel = keys.changes(step.invoke_id)
                        listeners[step.invoke_id] = listening.enter_context(self._ledger.listen(channel))
                    answers = self._carry_out(step, listeners)
                except CloudAssistError as error:
                    course.fail(error)
                else:
                    course.answer(answers)

    def _carry_out(self, step: Step, listeners: dict[str, Listener]) -> list[Any]:
        if isinstance(step, Sign):
            answers, messages = self._ledger.run_beside(lambda: self._signer.sign(step), step.calls)
            return [*answers, messages]
        if isinstance(step, Publish):
            self._signer.publish(step)
            return []
        if isinstance(step, Seal):
            return [self._signer.seal(step)]
        if isinstance(step, Pin):
            return [Root.of(self.context.settings)]
        if isinstance(step, Hear):
            listeners[step.invoke_id].wait(step.seconds)
            return []
        assert not isinstance(step, Tell)
        return self._ledger.run(step)


class Signer:
    """Signs and publishes, once the key is needed; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key: SigningKey | None = None
        self._fanout: Fanout | None = None
        self._lock = Lock()

    def sign(self, step: Sign) -> list[Message]:
        """Sign orders; raises ConfigurationError where the key cannot be read, also where there are none."""
        return self._out().sign(step.orders)

    def publish(self, step: Publish) -> None:
        """Send messages out."""
        self._out().publish(step.messages)

    def seal(self, step: Seal) -> str:
        """Sign a warrant; raises ConfigurationError likewise."""
        with self._lock:
            return step.warrant.seal(self._load())

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._fanout is not None:
                self._fanout.close()

    def _out(self) -> Fanout:
        with self._lock:
            if self._fanout is None:
                self._fanout = Fanout(self._settings, self._load())
            return self._fanout

    def _load(self) -> SigningKey:
        if self._key is None:
            self._key = SigningKey.load(self._settings.signing_key_file)
        return self._key
