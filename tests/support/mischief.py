"""Mischief: processes of a stack are killed, held up and cut off, in an order that a seed decides."""

import random
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field

import redis

from cloudassist import LocalStack
from support.servers import cut

ROLES = ("server", "control", "dispatch", "beat", "agent")
KILLS = 3
"""Kills of each role in a round."""
FREEZES = 1
CUTS = 2


@dataclass
class Mischief:
    """What is done to a stack in one round, and how often each was done."""

    stack: LocalStack
    choices: random.Random
    done: Counter[str] = field(default_factory=Counter)
    ended: threading.Event = field(default_factory=threading.Event)

    def round(self) -> None:
        """Do all of it once, in an order of its own; everything runs again afterwards."""
        acts = [(act, role) for role in ROLES for act in ["kill"] * KILLS + ["freeze"] * FREEZES]
        acts += [("cut", "server")] * CUTS
        self.choices.shuffle(acts)
        try:
            for act, role in acts:
                getattr(self, f"_{act}")(self._one_of(role))
                self.done[f"{act} {role}"] += 1
                self._pause(0.3, 1.0)
        finally:
            self.ended.set()

    def _one_of(self, role: str) -> str:
        names = [name for name in self.stack.processes if name.split("@")[0].split("-")[0] == role]
        return self.choices.choice(names)

    def _kill(self, name: str) -> None:
        self.stack.kill(name)
        self._pause(0.0, 0.8)
        self.stack.start(name)

    def _freeze(self, name: str) -> None:
        self.stack.kill(name, signal.SIGSTOP)
        self._pause(0.2, 1.5)
        self.stack.kill(name, signal.SIGCONT)

    def _cut(self, _name: str) -> None:
        with redis.Redis.from_url(self.stack.url, retry=None) as server:
            try:
                cut(server)
            except redis.ConnectionError:
                self.done["cut of a server that was away"] += 1

    def _pause(self, least: float, most: float) -> None:
        """Let some time pass: how much is part of the mischief, and nothing is waited for."""
        self.ended.wait(self.choices.uniform(least, most))
