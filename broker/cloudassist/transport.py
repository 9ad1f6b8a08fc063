"""How every process of ours talks to the server through kombu: queues and transport options."""

from collections.abc import Iterable
from typing import Any, Final

from kombu import Connection, Exchange, Queue
from kombu.transport.redis import exceptions

from cloudassist import tls
from cloudassist.errors import ServiceUnavailableError
from cloudassist.settings import Settings

CONNECT_SECONDS: Final = 2.0
"""Seconds to reach the server."""
ANSWER_SECONDS: Final = 5.0
"""Seconds to wait for an answer that is not a pop."""
HEALTH_CHECK_SECONDS: Final = 3
"""Seconds between two checks of a connection; a pop that is this much overdue goes over a half-open one."""
POP_SECONDS: Final = 10
"""Seconds that one pop of a worker waits in the server: a tenth of the idle commands, at no cost in latency."""

DEFAULT_EXCHANGE: Final = Exchange("")


def direct_queue(name: str) -> Queue:
    """Return a queue on the default exchange that is never declared: a list exists when it is pushed to."""
    return Queue(name, exchange=DEFAULT_EXCHANGE, routing_key=name, no_declare=True)


def direct_queues(names: Iterable[str]) -> list[Queue]:
    """Return :func:`direct_queue` of each name."""
    return [direct_queue(name) for name in names]


def connection(settings: Settings) -> Connection:
    """Return a connection of a process that publishes; it connects when it is first used."""
    return Connection(settings.url, ssl=tls.options(settings) or False, transport_options=options(settings))


def options(settings: Settings) -> dict[str, Any]:
    """Return the transport options of every process.

    No acknowledgement emulation: it doubles the commands of a task, runs long scripts a second time and shares its keys
    among all workers; the claim, the journal and the sweeper stand in its place. One priority step instead of four
    keys per pop. Bodies as they are: they are JSON text. No hidden retries: whoever cannot reach the server is told at
    once and decides for itself (kombu would try for four seconds, twice, on the way to an operation that has to end).
    """
    return {
        "ack_emulation": False,
        "max_retries": 0,
        "priority_steps": [0],
        "body_encoding": None,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_SECONDS,
        "master_name": settings.sentinel_master,
    }


def worker_options(settings: Settings, pop_seconds: float = POP_SECONDS) -> dict[str, Any]:
    """Return the transport options of a worker whose pops wait so long in the server.

    Only workers may wait long in a pop: in a client's app every second ``inspect`` would be answered by None.
    """
    return {**options(settings), "polling_interval": pop_seconds}


def unavailable(what: str, connection: Any, error: BaseException) -> ServiceUnavailableError:
    """Return how to say that ``what`` has to wait, since the server does not do what it is asked."""
    return ServiceUnavailableError(f"{what}: {reason(connection, error)}")


def reason(connection: Any, error: BaseException) -> str:
    """Return why a connection is of no use, without the password."""
    cause = _cause(error)
    # redis-py tells which command of a pipeline it was, with all that was in it.
    text = str(cause).rpartition("caused error: ")[2].rstrip(".") or type(cause).__name__
    what = "refuses this user" if is_refusal(error) else "does not serve"
    uri = connection.as_uri()
    return f"the server at {uri} {what}: {text}{tls.meaning(uri, text)}"


def is_refusal(error: BaseException) -> bool:
    """Tell whether an error comes from the server refusing the user, its password, or what it asked for."""
    return isinstance(_cause(error), exceptions.AuthenticationError | exceptions.NoPermissionError)


def _cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
