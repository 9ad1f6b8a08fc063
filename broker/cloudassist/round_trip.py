"""A round trip over a connection of kombu's, its requests written by hand: many at a time."""

from collections.abc import Sequence
from typing import Any

from kombu import Connection
from kombu.transport.redis import exceptions

from cloudassist.request import Word, pack


def ask(connection: Connection, requests: Sequence[Sequence[Word]]) -> list[Any]:
    """Send requests in one go, and return their answers as redis-py reads them, not made into anything else.

    Raises what kombu's connection errors and channel errors name; where the server refused one, all were asked.
    """
    # Of the channel's own client: that of its pool would be a second connection, on ten thousand instances as well.
    pool = connection.default_channel.client.connection_pool
    borrowed = pool.get_connection()
    try:
        borrowed.send_packed_command([pack(requests)])
        answers = [_answer(borrowed) for _ in requests]
    except BaseException:
        # What it would read next is the answer to something else.
        borrowed.disconnect()
        raise
    finally:
        pool.release(borrowed)
    for answer in answers:
        if isinstance(answer, exceptions.ResponseError):
            raise answer
    return answers


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except exceptions.ResponseError as error:
        return error
