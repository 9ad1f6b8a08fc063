"""The reporter: publishes what the daemon has to say of the agent, signed as the instance."""

import time
from typing import Final

from cloudassist import transport
from cloudassist.looper import Looper
from cloudassist.messages import ClientStatus
from cloudassist_agent import folder
from cloudassist_agent.settings import AgentSettings
from cloudassist_agent.trust import Trust
from cloudassist_agent.upstream.post import Post
from cloudassist_agent.upstream.wire import Wire

AGAIN_SECONDS: Final = 60.0
"""Seconds between two reports where nothing changes (API a.12)."""


class Reporter(Looper):
    """The duty. It has a thread and a connection of its own: the daemon never waits for the server."""

    name = "reporter"

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__()
        self._wire = Wire(lambda: transport.connection(settings), "reports of the daemon wait")
        self._trust = Trust(settings, folder.instance_key(settings))
        self._post = Post(self._wire, self._trust.mac_key)
        self._news: list[ClientStatus] = []
        self._told: list[ClientStatus] = []
        self._next = 0.0

    def tell(self, news: list[ClientStatus]) -> None:
        """Have this told, if it is news or the last report is old."""
        self._news = news
        if _changed(self._told, news) or time.monotonic() >= self._next:
            self.wake()

    def turn(self) -> float:
        """Publish the newest."""
        news = self._news
        if news:
            # The agent fetches it; the daemon reads what that has kept.
            self._trust.reload()
            self._post.publish([(status.instance_id, status.encode()) for status in news])
            self._told = news
            self._next = time.monotonic() + AGAIN_SECONDS
        return AGAIN_SECONDS

    def finish(self) -> None:
        """Say the last words."""
        self.turn()
        self._wire.close()


def _changed(told: list[ClientStatus], news: list[ClientStatus]) -> bool:
    """Tell whether something else than figures differs."""
    return [(s.state, s.restarts, s.reason) for s in told] != [(s.state, s.restarts, s.reason) for s in news]
