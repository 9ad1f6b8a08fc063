"""Celery's consumer, as an agent that is left alone for a year needs it.

Celery would wait longer and longer for the server, half a minute in the end, and give a reason only now and then; and
it would try without a pause where a connection comes about but is of no use (a replica, a revoked right).
"""

import logging
import time
from typing import Any, Final

from celery.bootsteps import RUN
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer

from cloudassist import transport
from cloudassist.closing import put_away
from cloudassist.patience import Patience

log = logging.getLogger(__name__)

PROVEN_SECONDS: Final = 5.0
"""Seconds after which a connection has shown that it is good: when it ends, the pauses begin anew."""
_LOOK_SECONDS: Final = 0.1
"""Seconds between two looks whether the worker is to end."""


class PatientConsumer(CeleryConsumer):  # type: ignore[misc]
    """Connects for ever, within seconds of the server's return; one line a minute says why not."""

    connection: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience = Patience(log, "connection")
        self._pause = 0.0
        self._connected_at = 0.0
        self._lost: Any = None

    def lose(self) -> None:
        """Give every connection up and connect anew; called on the worker's own thread, from within its loop."""
        self._lost = self.connection
        if self.hub is not None:
            self.hub.call_later(0, self._give_up)

    def perform_pending_operations(self) -> None:
        """Do what others have asked of this thread, where there is no event loop."""
        super().perform_pending_operations()
        if self.hub is None and self.blueprint.state == RUN:
            self._give_up()

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection when it works; ends with the worker."""
        while True:
            self._rest()
            try:
                conn.ensure_connection(max_retries=0, reraise_as_library_errors=False)
            except conn.recoverable_connection_errors as error:
                self._failed(conn, error)
                conn.maybe_switch_next()
            else:
                self._connected_at = time.monotonic()
                self.first_connection_attempt = False
                return conn

    def on_ready(self) -> None:
        """Note that everything works."""
        super().on_ready()
        self._patience.succeeded()
        log.info("consuming from %s", self.connection.as_uri())

    def on_connection_error_before_connected(self, exc: BaseException) -> None:
        """Say why there is no connection."""
        self._failed(self.conninfo, exc)

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        """Put the lost connection away. Tasks go on: their records do not depend on it."""
        connection, self.connection = self.connection, None
        if time.monotonic() >= self._connected_at + PROVEN_SECONDS:
            self._patience.succeeded()
        self._failed(connection, exc)
        put_away(connection)

    def turn(self) -> None:
        """Take note that an attempt to connect is about to begin."""

    def _failed(self, connection: Any, error: BaseException) -> None:
        self._pause = self._patience.failed(transport.reason(connection, error))

    def _give_up(self) -> None:
        lost, self._lost = self._lost, None
        if lost is not None and lost is self.connection:
            raise ConnectionResetError("the connection is half-open")

    def _rest(self) -> None:
        """Wait before the next attempt, at first not at all; raises WorkerShutdown where the worker is to end."""
        self.turn()
        deadline = time.monotonic() + self._pause
        self._pause = 0.0
        state.maybe_shutdown()
        while time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
            state.maybe_shutdown()
