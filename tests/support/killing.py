"""Acts on processes: killed, held up, and cut off from the server."""

import contextlib
import signal

import redis

from support.cast import ROLES, Cast
from support.mischief import Act, NothingToDoError, Pace
from support.servers import cut
from support.waiting import wait_until

KILLS = 3
"""Kills of each role in a round."""
FREEZES = 1
CUTS = 2
DRAIN_SECONDS = 5.0
"""Seconds that an agent gets to end."""


class Killing:
    """What a worker does to the processes of a cast, any of a role at a time."""

    def __init__(self, cast: Cast, pace: Pace) -> None:
        self._cast = cast
        self._pace = pace

    def acts(self) -> list[Act]:
        """Return all of them."""
        kills = [Act(f"kill {role}", lambda role=role: self._kill(role)) for role in ROLES] * KILLS
        freezes = [Act(f"freeze {role}", lambda role=role: self._freeze(role)) for role in ROLES] * FREEZES
        others = [
            Act("kill daemon", lambda: self._kill("daemon")),
            Act("kill watched agent", self._kill_watched),
            Act("restart agent", self._restart),
        ]
        return kills + freezes + others + [Act("cut server", self._cut)] * CUTS

    def _kill(self, role: str) -> None:
        part = self._pace.choices.choice(self._cast.of(role))
        with part.lock:
            part.send(signal.SIGKILL)
            self._pace.pause(0.0, 0.8)
            part.start()

    def _kill_watched(self) -> None:
        """Kill the agent that its daemon brings back, and nobody else."""
        (part,) = self._cast.of("watched")
        with part.lock:
            if not part.runs():
                raise NothingToDoError
            part.send(signal.SIGKILL)

    def _restart(self) -> None:
        """Have an agent end as it is to end, for a while; then it is killed, as a service manager does it."""
        part = self._pace.choices.choice(self._cast.of("agent"))
        with part.lock:
            part.send(signal.SIGTERM)
            with contextlib.suppress(AssertionError):
                wait_until(lambda: not part.runs(), f"{part.name} to end", DRAIN_SECONDS)
            part.send(signal.SIGKILL)
            part.start()

    def _freeze(self, role: str) -> None:
        part = self._pace.choices.choice(self._cast.of(role))
        with part.held():
            self._pace.pause(0.2, 1.5)

    def _cut(self) -> None:
        with redis.Redis.from_url(self._cast.stack.url, retry=None) as server:
            cut(server)
