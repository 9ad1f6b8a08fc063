"""Acts on networks: each cuts off, silences, slows down or breaks what lies between one process and the server."""

from support.cast import Cast
from support.mischief import Act, Pace
from support.proxy import Proxy

TIMES = 3
"""Times that each is done in a round."""


class Severing:
    """What a worker does to the networks of a cast, any of them at a time."""

    def __init__(self, cast: Cast, pace: Pace) -> None:
        self._networks = list(cast.networks.values())
        self._pace = pace

    def acts(self) -> list[Act]:
        """Return all of them."""
        named = (
            ("drop", self._drop),
            ("half-open", self._half_open),
            ("delay", self._delay),
            ("truncate question", lambda network: network.truncate(asked=True)),
            ("truncate answer", lambda network: network.truncate(asked=False)),
        )
        return [Act(name, lambda do=do: do(self._pace.choices.choice(self._networks))) for name, do in named] * TIMES

    def _drop(self, network: Proxy) -> None:
        """Break the connections, and half of the times refuse new ones for a while."""
        if self._pace.choices.random() < 0.5:
            network.cut()
            return
        network.refuse()
        self._pace.pause(0.2, 1.5)
        network.accept()

    def _half_open(self, network: Proxy) -> None:
        """Leave the connections open, and swallow what goes over them: all of it, or the answers alone."""
        self._pace.choices.choice([network.freeze, network.mute])()

    def _delay(self, network: Proxy) -> None:
        network.delay = self._pace.choices.uniform(0.05, 0.3)
        self._pace.pause(0.5, 1.5)
        network.delay = 0.0
