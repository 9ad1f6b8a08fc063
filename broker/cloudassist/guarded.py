"""kombu's Redis channels and transports behind the guard.

A message that is not what it should be becomes an empty poll and a count. An error reply (a failover, a read-only or
loading server, a revoked right) counts as a lost connection, which Celery mends by reconnecting; it ended every stock
worker.

They replace kombu's classes under their own names, so that they stay in place whichever URL a connection falls back to.
"""

from queue import Empty
from time import monotonic
from typing import Any, Final

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis

from cloudassist.errors import MessageError
from cloudassist.guard import check_item, check_message
from cloudassist.poller import Poller, pop_request

ON_REFUSED: Final = "on_refused"
"""Transport option: a callable that is told (queue, reason) of each refused message."""
ON_LOST: Final = "on_lost"
"""Transport option: a callable that is told when a connection that waits for messages turned out to be dead."""
TURN_SECONDS: Final = 0.25
"""Seconds of a turn of a worker without an event loop (Windows): so long a free slot or an exit may go unnoticed."""


def install() -> None:
    """Put the guard in front of every connection of this process. Call before the first connection is made."""
    TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = f"{__name__}:GuardedTransport"
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:GuardedSentinelTransport"


class _Awaited:
    """The connection on which a channel waits for something, if it does; kombu sets and reads it in a dozen places."""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = f"{name}_now"

    def __get__(self, channel: Any, _owner: type) -> Any:
        return channel.__dict__.get(self._name)

    def __set__(self, channel: Any, connection: Any) -> None:
        channel.__dict__[self._name] = connection
        channel.attend()


class _GuardedChannel:
    """Mixed into kombu's Redis channels."""

    #: Nothing is put back at a shutdown or dumped to a file: what was taken and not started is sent again.
    do_restore = False
    on_refused: Any = None
    on_lost: Any = None
    _pool_client: Any = None
    _in_poll = _Awaited()
    _in_listen = _Awaited()
    _consumed: list[str] = []  # noqa: RUF012 - replaced, never changed

    from_transport_options = (*kombu_redis.Channel.from_transport_options, ON_REFUSED, ON_LOST)

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's signature
        # Nobody needs redis-py's name and version: two more round trips for each of a dozen connections.
        return {**super()._connparams(asynchronous), "driver_info": None}  # type: ignore[misc]

    def close(self) -> None:
        """Close the channel without waiting for a pop that is under way."""
        self.hang_up()
        super().close()  # type: ignore[misc]

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        """Return the client of the pool; kombu makes one for each message, which costs more than to send it."""
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        if self._pool_client is None or self._pool_client.connection_pool is not self.pool:  # type: ignore[attr-defined]
            self._pool_client = super()._create_client()  # type: ignore[misc]
        return self._pool_client

    @property
    def active_queues(self) -> list[str]:
        """Return the queues that are consumed; kombu makes the list anew at each turn of the loop."""
        return self._consumed

    @property
    def pops(self) -> bool:
        """Tell whether a pop is under way."""
        return bool(self._in_poll)

    @property
    def listens(self) -> bool:
        """Tell whether it is subscribed to what is told to all."""
        return bool(self._in_listen)

    def _update_queue_cycle(self) -> None:
        self._consumed = super().active_queues  # type: ignore[misc]
        super()._update_queue_cycle()  # type: ignore[misc]
        self.attend()

    def attend(self) -> None:
        """Have the poller see to what this channel is to wait for, and does not."""
        if self.connection:  # type: ignore[attr-defined]
            self.connection.cycle.attend(self)  # type: ignore[attr-defined]

    def share_room(self, channel: Any) -> None:
        """Begin no pop where another channel, with all that share its room, has as many messages as it may alone."""
        self._qos = channel.qos

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Begin a pop; kombu and redis-py would write the name of each queue anew at every pop."""
        queues = self._queue_cycle.consume(len(self.active_queues))  # type: ignore[attr-defined]
        if queues:
            self._in_poll = self.client.connection  # type: ignore[attr-defined]
            self._brpop_sent_at = monotonic()
            seconds = self.brpop_timeout if timeout is None else timeout  # type: ignore[attr-defined]
            self._in_poll.send_packed_command([pop_request(queues, seconds)])

    def _brpop_read(self, **_options: Any) -> bool:
        """Look at what a pop has brought, and deliver it; kombu would read it a second time."""
        connection = self.client.connection  # type: ignore[attr-defined]
        try:
            answer = self.client.parse_response(connection, "BRPOP")  # type: ignore[attr-defined]
        except self.ResponseError as error:  # type: ignore[attr-defined]
            connection.disconnect()
            raise ConnectionResetError(f"the server ended the pop: {error}") from error
        except self.connection_errors:  # type: ignore[attr-defined]
            connection.disconnect()
            raise
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()  # type: ignore[attr-defined]
        passed = self._passed(answer)
        if passed is None:
            raise Empty
        queue, message = passed
        self._queue_cycle.rotate(queue)  # type: ignore[attr-defined]
        self.connection._deliver(message, queue)  # type: ignore[attr-defined]  # noqa: SLF001 - as kombu does
        return True

    def hang_up(self) -> None:
        """End a pop that is under way. What the server popped in that moment is silent, and sent again."""
        if self.pops:
            connection, self._in_poll = self._in_poll, None
            connection.disconnect()

    def _on_connection_disconnect(self, connection: Any) -> None:
        waits = connection in {self._in_poll, self._in_listen}
        super()._on_connection_disconnect(connection)  # type: ignore[misc]
        if waits and not self._closing and self.on_lost is not None:  # type: ignore[attr-defined]
            self.on_lost()

    def _restore_at_beginning(self, message: Any) -> None:
        """Put nothing back: an instance may not push to its own queue."""

    def _get(self, queue: str) -> Any:
        """Take one message without waiting; kombu's answer to an empty queue is an exception."""
        while True:
            with self.conn_or_acquire() as client:  # type: ignore[attr-defined]
                item = client.rpop(queue)
            if item is None:
                raise Empty
            if (passed := self._passed((queue.encode(), item))) is not None:
                return passed[1]

    def _passed(self, answer: tuple[bytes, bytes] | None) -> tuple[str, dict[str, Any]] | None:
        """Return the queue and the message, None where there is none that may be taken."""
        if answer is None:
            return None
        queue, item = answer
        name = queue.decode(errors="replace")
        try:
            return name, check_item(name, item)
        except MessageError as error:
            self._refuse(name, error)
            return None

    def _deliver_fanout_message(self, message: object, exchange: str) -> Any:
        try:
            check_message(message)
        except MessageError as error:
            self._refuse(exchange, error)
            return True
        return super()._deliver_fanout_message(message, exchange)  # type: ignore[misc]

    def _refuse(self, queue: str, error: MessageError) -> None:
        if self.on_refused is not None:
            self.on_refused(queue, error)


class GuardedRedisChannel(_GuardedChannel, kombu_redis.Channel):  # type: ignore[misc]
    """kombu's Redis channel behind the guard."""


_LOST: Final = (*kombu_redis.Transport.connection_errors, kombu_redis.exceptions.ResponseError)
"""What counts as a lost connection: also every error that the server answers with, whatever was asked of it."""


class _GuardedTransport:
    """Mixed into kombu's Redis transports."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The pops last as long as that by now; without an event loop kombu would also sleep so long after each turn.
        self.polling_interval = None
        self.cycle = Poller()

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Take messages for one turn of a worker without an event loop; raises TimeoutError where there is none.

        A pop goes on meanwhile, and wakes the worker; what other threads want of it waits for the next turn.
        """
        seconds = TURN_SECONDS if timeout is None else min(timeout, TURN_SECONDS)
        super().drain_events(connection, seconds)  # type: ignore[misc]


class GuardedTransport(_GuardedTransport, kombu_redis.Transport):  # type: ignore[misc]
    """kombu's Redis transport behind the guard."""

    Channel = GuardedRedisChannel
    connection_errors = _LOST


class GuardedSentinelChannel(_GuardedChannel, kombu_redis.SentinelChannel):  # type: ignore[misc]
    """kombu's Sentinel channel behind the guard."""

    from_transport_options = (*kombu_redis.SentinelChannel.from_transport_options, ON_REFUSED, ON_LOST)


class GuardedSentinelTransport(_GuardedTransport, kombu_redis.SentinelTransport):  # type: ignore[misc]
    """kombu's Sentinel transport behind the guard."""

    Channel = GuardedSentinelChannel
    connection_errors = _LOST
