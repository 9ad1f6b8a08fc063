"""A duty that a thread of its own carries out in turns."""

import logging
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from cloudassist.errors import ServiceUnavailableError
from cloudassist.patience import Patience

log = logging.getLogger(__name__)

_STOP_SECONDS: Final = 10.0
"""Seconds to wait for the thread at a stop."""


class Looper(ABC):
    """Base of the duties: start, stop, and what happens to a turn that fails.

    A turn does one bounded piece of work and returns how many seconds to rest before the next. While the server is
    away turns are tried again with growing pauses, and one line a minute says so. Any other error is logged with its
    traceback and the next turn comes after a pause: a duty never dies in silence.
    """

    name = "duty"
    #: Is told before each turn (0) and before each rest (its seconds), and at the end (infinity).
    on_turn: Callable[[float], object] = staticmethod(lambda _: None)

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._patience = Patience(log, self.name)

    @abstractmethod
    def turn(self) -> float:
        """Do one piece of work; return the seconds to rest."""

    @abstractmethod
    def finish(self) -> None:
        """Clean up after the last turn; called on the duty's thread."""

    def start(self) -> None:
        """Begin."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._loop, name=self.name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Cut the rest short: there is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """End after the turn that is under way."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self.on_turn(0)
            rest = self._try_turn()
            self.on_turn(rest)
            if self._patience.tried:
                self._stopping.wait(rest)
            else:
                self._wake.wait(rest)
                self._wake.clear()
        self.on_turn(0)
        try:
            self.finish()
        except ServiceUnavailableError as error:
            log.warning("%s: could not finish: %s", self.name, error.message)
        self.on_turn(math.inf)

    def _try_turn(self) -> float:
        try:
            rest = self.turn()
        except ServiceUnavailableError as error:
            return self._patience.failed(error.message)
        except Exception as error:
            log.exception("%s: a turn failed", self.name)
            return self._patience.failed(f"a turn failed ({type(error).__name__})")
        self._patience.succeeded()
        return rest
