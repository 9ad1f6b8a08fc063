"""Calls that were sent and whose answers are still to come."""

from collections.abc import Generator
from typing import Any

import redis
from redis.exceptions import ResponseError

from cloudassist.request import Word, pack
from cloudassist.store.exchange import Requests, translated_errors


class Pending:
    """The answers to an exchange, on a connection that belongs to it until :meth:`finish` or :meth:`abandon`.

    Raises what :func:`translated_errors` makes of an error.
    """

    def __init__(self, client: redis.Redis, url: str, talk: Generator[Requests, list[Any], list[Any]]) -> None:
        self._client = client
        self._url = url
        self._talk = talk
        self._requests: Requests = ()
        with translated_errors(url):
            self._connection = client.connection_pool.get_connection()
            try:
                self._send(next(talk))
            except BaseException:
                self.abandon()
                raise

    def finish(self) -> list[Any]:
        """Wait for the answers, and return them; what fails is an error in the list."""
        with translated_errors(self._url):
            try:
                while True:
                    self._send(self._talk.send([self._receive(words) for words in self._requests]))
            except StopIteration as end:
                self._client.connection_pool.release(self._connection)
                answers: list[Any] = end.value
                return answers
            except BaseException:
                self.abandon()
                raise

    def abandon(self) -> None:
        """Give the answers up: what the calls have done is not known."""
        self._connection.disconnect()
        self._client.connection_pool.release(self._connection)

    def _send(self, requests: Requests) -> None:
        self._requests = requests
        self._connection.send_packed_command([pack(requests)])

    def _receive(self, words: tuple[Word, ...]) -> Any:
        try:
            return self._client.parse_response(self._connection, words[0])
        except ResponseError as error:
            return error
