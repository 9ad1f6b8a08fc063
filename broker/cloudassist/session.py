"""Drives operations synchronously: one connection to the ledger, one to publish over, shared between threads."""

import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, Final, TypeVar

from cloudassist.errors import ServiceUnavailableError, WaitTimeoutError
from cloudassist.fanout import Fanout
from cloudassist.keyring import SigningKey
from cloudassist.models.invocation import Progress
from cloudassist.operations import describe
from cloudassist.operations.steps import Operation, Publish
from cloudassist.settings import Settings
from cloudassist.store import keys
from cloudassist.store.ledger import NOTICE_GAP_SECONDS, Ledger

T = TypeVar("T")

OUTAGE_SECONDS: Final = 60.0
"""Seconds that a waiting call bears with a server that does not answer before it gives up."""


class Session:
    """What a producer holds while it is connected to one region."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ledger = Ledger(settings.url)
        self._fanout: Fanout | None = None
        self._lock = Lock()

    def drive(self, operation: Operation[T]) -> T:
        """Carry out what an operation asks for until it returns."""
        answers: list[Any] | None = None
        while True:
            try:
                step = next(operation) if answers is None else operation.send(answers)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Publish):
                self.signer().publish(step.orders)
                answers = []
            else:
                answers = self._ledger.run(step)

    def signer(self) -> Fanout:
        """Return what signs and publishes; raises ConfigurationError where the key cannot be read.

        Called before an operation that will publish, so that nothing is planned which could not be signed.
        """
        with self._lock:
            if self._fanout is None:
                key = SigningKey.load(self.settings.signing_key_file)
                self._fanout = Fanout(self.settings, key)
            return self._fanout

    def follow(self, invoke_id: str, timeout: float | None) -> Iterator[Progress]:
        """Yield how a run stands, at once and whenever that changes, until it has ended.

        Raises WaitTimeoutError after ``timeout`` seconds, ServiceUnavailableError after an outage of a minute.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        patience = _Patience(OUTAGE_SECONDS)
        last: Progress | None = None
        with self._ledger.listen(keys.changes(invoke_id)) as listener:
            while True:
                now = patience.ask(lambda: self.drive(describe.progress(invoke_id)))
                if now is not None and now != last:
                    last = now
                    yield now
                if now is not None and now.ended:
                    return
                left = NOTICE_GAP_SECONDS if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise WaitTimeoutError(f"{invoke_id} has not ended after {timeout} s")
                listener.wait(left)

    def close(self) -> None:
        """Close every connection."""
        if self._fanout is not None:
            self._fanout.close()
        self._ledger.close()


class _Patience:
    """Bears with a server that does not answer, for a while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def ask(self, question: Callable[[], T]) -> T | None:
        """Return the answer, or None while there is none and the time is not over."""
        try:
            answer = question()
        except ServiceUnavailableError:
            now = time.monotonic()
            self._since = now if self._since is None else self._since
            if now - self._since >= self._seconds:
                raise
            return None
        self._since = None
        return answer
