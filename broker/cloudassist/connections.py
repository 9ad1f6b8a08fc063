"""The connections of our applications: they empty no queue, and say in one line where there is no server.

``celery purge``, ``celery worker --purge`` and ``celery amqp queue.purge`` would take orders out of a queue. That is no
run that has ended: the ledger counts it as running, has its order sent again after seconds, and it runs. Reports are
told again as well. So nobody would get what he wants, and everything would be late.
"""

from typing import Any

from celery.app import amqp
from click import ClickException
from kombu import Connection as KombuConnection
from kombu.exceptions import OperationalError

from cloudassist import transport


class UnreachableError(OperationalError, ClickException):  # type: ignore[misc]
    """There is no server: to kombu and Celery their own error, to `celery purge`, `list` and `amqp` one line."""

    exit_code = 69  # EX_UNAVAILABLE of sysexits.h, as `celery status` has it


def kept(queue: str) -> str:
    """Return why a queue is not emptied."""
    return (
        f"{queue} is not emptied: what lies in it is counted in the ledger, which would have it sent again. "
        "`celery -A cloudassist assist stop` ends runs; `celery -A cloudassist assist audit` puts right what is wrong."
    )


def _refuse(queue: str, **_: Any) -> None:
    raise ClickException(kept(queue))


class Connection(KombuConnection):  # type: ignore[misc]
    """kombu's connection."""

    def connect(self) -> Any:
        """Reach the server at once; raises UnreachableError."""
        try:
            return super().connect()
        except self.connection_errors as error:
            raise UnreachableError(transport.reason(self, error)) from error

    @property
    def default_channel(self) -> Any:
        """Return the channel of whoever needs only one; raises UnreachableError."""
        try:
            return super().default_channel
        except OperationalError as error:
            raise UnreachableError(transport.reason(self, error)) from error

    def channel(self) -> Any:
        """Return a new channel, which empties no queue."""
        channel = super().channel()
        channel.queue_purge = _refuse
        return channel

    def info(self) -> dict[str, Any]:
        """Return what ``celery inspect stats`` tells: without the callables among the options, which cannot be sent."""
        found: dict[str, Any] = super().info()
        options = {name: value for name, value in (found["transport_options"] or {}).items() if not callable(value)}
        return {**found, "transport_options": options}


class AMQP(amqp.AMQP):  # type: ignore[misc]
    """The part of an application that makes its connections."""

    Connection = Connection
