"""kombu's event loop, told only of what has changed.

At each turn kombu goes over all channels three times, to start pops, and to hold back or let go on those for whose
message there is no room. In a process that stands for hundreds of instances that was a sixth of all its work.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from kombu.transport.redis import MultiChannelPoller


class Poller(MultiChannelPoller):  # type: ignore[misc]
    """Starts what is to be started, and leaves alone what waits.

    No pop is held back once it has begun: there was room for its message then. Channels that share their room may so
    take one message each more than that.
    """

    def __init__(self) -> None:
        super().__init__()
        self._idle: dict[Any, set[Any]] = {}
        self._deaf: set[Any] = set()
        self._fresh: set[int] = set()

    def discard(self, channel: Any) -> None:
        """Let a channel go."""
        super().discard(channel)
        self._idle = {room: rest for room, channels in self._idle.items() if (rest := channels - {channel})}
        self._deaf.discard(channel)

    def close(self) -> None:
        """Let all go."""
        super().close()
        self._idle.clear()
        self._deaf.clear()

    def attend(self, channel: Any) -> None:
        """Start at the next turn what a channel is to wait for, and does not; a pop only when there is room."""
        if channel not in self._channels:
            return
        if channel.active_queues and not channel.pops:
            self._idle.setdefault(channel.qos, set()).add(channel)
        if channel.active_fanout_queues and not channel.listens:
            self._deaf.add(channel)

    def on_poll_start(self) -> None:
        """Start the pops and the subscriptions that are not under way."""
        for room, channels in tuple(self._idle.items()):
            while channels and room.can_consume():
                channel = channels.pop()
                if channel.active_queues:
                    self._register_BRPOP(channel)
        while self._deaf:
            self._register_LISTEN(self._deaf.pop())

    def on_readable(self, fileno: int) -> None:
        """Read what has come; where nothing was to come, the server has closed the connection."""
        channel, kind = self._fd_to_chan.get(fileno, (None, ""))
        if channel is None:
            return
        if kind == "BRPOP" and not channel.pops:
            channel.client.connection.disconnect()
        else:
            channel.handlers[kind]()

    @property
    def fds(self) -> Mapping[int, Any]:
        """Return the channels by descriptor that the event loop has not been told of yet; kombu tells it of all."""
        fresh, self._fresh = self._fresh, set()
        return {descriptor: self._fd_to_chan[descriptor] for descriptor in fresh & self._fd_to_chan.keys()}

    def _register(self, channel: Any, client: Any, type: str) -> None:  # noqa: A002 - kombu's name
        super()._register(channel, client, type)
        self._fresh.add(self._chan_to_sock[channel, client, type].fileno())


def pop_request(queues: Sequence[str], seconds: float) -> bytes:
    """Return the request that waits for an item of any of the queues, the first of them first, for so many seconds."""
    words = b"".join(map(_word, queues))
    return b"*%d\r\n$5\r\nBRPOP\r\n%b%b" % (len(queues) + 2, words, _word(str(seconds)))


@cache
def _word(text: str) -> bytes:
    """Return a word of a request; there are as many as a process has queues."""
    data = text.encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)
