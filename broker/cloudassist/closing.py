"""Closing a connection that is lost, and may be half-open."""

import logging
from typing import Any, Final

from celery.utils.threads import bound_open_broker_sockets

log = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 0.5
"""Seconds to wait for the server meanwhile."""


def put_away(connection: Any) -> None:
    """Close a connection of kombu's, whatever state it is in; never raises."""
    bound_open_broker_sockets(connection, CLOSE_SECONDS)
    try:
        connection.collect(socket_timeout=CLOSE_SECONDS)
    except Exception as error:  # whatever goes wrong with it, it is not used again
        log.debug("a lost connection could not be closed: %s", error)
