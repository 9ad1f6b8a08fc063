"""The sign of life: who this agent is, what it has in hand, and how much more it can take.

It has a thread of its own, since Celery's main loop can stand still for the length of an outage. It is the lease of the
instance, too: an agent that finds somebody else's sign of life does not consume, and one that finds its own replaced
stops.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from cloudassist.errors import MessageError, ServiceUnavailableError
from cloudassist.looper import Looper
from cloudassist.patience import Patience
from cloudassist.presence import Presence
from cloudassist.refusals import Refusals
from cloudassist_agent.clock import ServerClock
from cloudassist_agent.owner import Owner
from cloudassist_agent.scripts.running import Running
from cloudassist_agent.settings import AgentSettings
from cloudassist_agent.trust import Trust
from cloudassist_agent.upstream.link import Link

log = logging.getLogger(__name__)

SHOW_INTERVALS: Final = 1.5
"""Intervals until the next sign of life is shown to Celery's monitors: every second one; three are a lifetime."""
GONE_MS: Final = 1
"""Milliseconds that the last sign of life of an agent that stops is kept."""


class Heart(Looper):
    """The duty. ``name_of_agent`` names journal and boot, ``owner`` whose the instances must be.

    ``trust`` learns of new key sets here. ``on_replaced`` is called when another agent took over, ``on_beat`` before
    each sign of life, ``show`` after some of them.
    """

    name = "presence"

    def __init__(
        self,
        link: Link,
        clock: ServerClock,
        settings: AgentSettings,
        running: Running,
        refusals: Refusals,
        name_of_agent: str,
        owner: Owner,
        trust: Trust,
    ) -> None:
        super().__init__()
        self._link = link
        self._clock = clock
        self._instances = settings.instance_id
        self._interval = settings.presence_interval_seconds
        self._lifetime_ms = int(1000 * settings.presence_lifetime_seconds)
        self._running = running
        self._refusals = refusals
        self._agent = name_of_agent
        self._owner = owner
        self._trust = trust
        self._next_show = 0.0
        self._drained = threading.Event()
        self.on_replaced: Callable[[str], None] = log.critical
        self.on_beat: Callable[[], None] = lambda: None
        self.show: Callable[[], object] = lambda: None

    def acquire(self, promise: Callable[[float], object]) -> bool:
        """Get the lease of every instance; waits for the server, and while another agent holds one.

        ``promise`` is told before each attempt and each wait. Returns False where the wait was ended by :meth:`drain`.
        """
        patience = Patience(log, "lease")
        while not self.draining:
            promise(0)
            reason = self._reason_to_wait()
            if not reason:
                patience.succeeded()
                return True
            pause = patience.failed(reason)
            promise(pause)
            self._drained.wait(pause)
        return False

    @property
    def draining(self) -> bool:
        """Tell whether nothing new is taken any more."""
        return self._drained.is_set()

    def drain(self) -> None:
        """Say from now on that nothing new is taken."""
        self._drained.set()
        self.wake()

    def turn(self) -> float:
        """Give a sign of life; return the seconds to rest."""
        self.on_beat()
        self._learn_keys()
        others = self._others(self._link.set_presence(self._presences(), self._lifetime_ms))
        if others:
            self.on_replaced(f"another agent has taken over {', '.join(others[:5])}")
        elif reason := self._why_not_ours():
            self.on_replaced(reason)
        if time.monotonic() >= self._next_show:
            self._next_show = time.monotonic() + SHOW_INTERVALS * self._interval
            self.show()
        return self._interval

    def finish(self) -> None:
        """Say goodbye: the instance is offline at once."""
        self._link.set_presence(self._presences(), GONE_MS)

    def _reason_to_wait(self) -> str:
        try:
            if reason := self._why_not_ours():
                return reason
            self._learn_keys()
            if not self._trust.version:
                return "the server has no key set of the root that is trusted here; see `assist key-set publish`"
            others = self._others(self._link.acquire(self._presences(), self._lifetime_ms))
        except ServiceUnavailableError as error:
            return error.message
        return f"another agent is running for {', '.join(others[:5])}" if others else ""

    def _why_not_ours(self) -> str:
        """Return why an instance id may not be used by this agent; empty where all may."""
        owners = self._link.owners(self._instances)
        names = [name for name, owner in owners.items() if not self._owner.is_it(owner)]
        if not names:
            return ""
        return f"{', '.join(names[:5])} belongs to another machine, and is refused until it is enrolled anew"

    def _learn_keys(self) -> None:
        try:
            self._trust.offer(self._link.key_set())
        except MessageError as error:
            if self._refusals.count(error.reason) == 1:
                log.error("the key set on the server is not believed: %s (further ones are only counted)", error)

    def _presences(self) -> dict[str, bytes]:
        refused = self._refusals.as_dict()
        now = self._clock.now()
        return {
            instance_id: Presence(
                agent=self._agent,
                time=now,
                running=self._running.of(instance_id),
                free=self._running.free(instance_id),
                draining=self.draining,
                refused=refused,
                keys=self._trust.version,
            ).encode()
            for instance_id in self._instances
        }

    def _others(self, held: dict[str, bytes]) -> Sequence[str]:
        return [instance_id for instance_id, value in held.items() if self._is_foreign(value)]

    def _is_foreign(self, value: bytes) -> bool:
        try:
            return Presence.decode(value).agent != self._agent
        except MessageError:
            return False
