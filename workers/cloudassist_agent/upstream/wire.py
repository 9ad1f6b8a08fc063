"""One connection of the agent's own, besides those that Celery consumes from."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from kombu.exceptions import OperationalError

from cloudassist import transport
from cloudassist.closing import put_away


class Wire:
    """Made by kombu when it is needed, so that every kind of URL works as it does for messages; put away when it fails.

    ``connect`` returns a new one, ``what`` says what waits while there is none. Its user sees to it that one thread
    uses it at a time; :meth:`doubt` may be called from any.
    """

    def __init__(self, connect: Callable[[], Any], what: str) -> None:
        self._connect = connect
        self._what = what
        self._connection: Any = None
        self._doubted = False

    @contextlib.contextmanager
    def connection(self) -> Iterator[Any]:
        """Yield the connection; raises ServiceUnavailableError where the server does not answer on it."""
        if self._doubted:
            self._doubted = False
            self.close()
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        try:
            yield connection
        except (OperationalError, *connection.connection_errors, *connection.channel_errors) as error:
            failure = transport.unavailable(self._what, connection, error)
            self.close()
            raise failure from error

    def doubt(self) -> None:
        """Have a new connection made for the next use: another one to the same server turned out to be dead."""
        self._doubted = True

    def close(self) -> None:
        """Put the connection away."""
        connection, self._connection = self._connection, None
        if connection is not None:
            put_away(connection)
