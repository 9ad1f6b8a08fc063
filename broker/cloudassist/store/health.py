"""Calls of the doctor: how the server is, and who is connected to it.

All but :func:`info`, which control workers may as well, need a user who may do everything.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cloudassist.store import keys, schedules
from cloudassist.store.call import Call, command

Info = Mapping[str, Any]
"""What the server says of itself, by its own words."""


def info() -> Call[Info]:
    """Return what the server says of itself."""
    return command(lambda answer: answer, "INFO")


def whoami() -> Call[str]:
    """Return the user that this connection is."""
    return command(str, "ACL WHOAMI")


def connected_users() -> Call[Counter[str]]:
    """Return how many connections each user has."""

    def decode(answer: list[dict[str, str]]) -> Counter[str]:
        return Counter(client["user"] for client in answer)

    return command(decode, "CLIENT LIST")


def count_beats() -> Call[int]:
    """Return how many beats listen for changes of recurring tasks."""
    return command(lambda answer: int(answer[0][1]), "PUBSUB NUMSUB", keys.changes(schedules.CHANNEL))


def takers() -> Call[dict[str, int]]:
    """Return when each aggregator last gave a sign of life (ms)."""

    def decode(answer: list[list[Any]]) -> dict[str, int]:
        return {name.decode(): int(float(seen)) for name, seen in answer}

    return command(decode, "ZRANGE", keys.TAKERS, 0, -1, "WITHSCORES")


def count_late_moments(before: int) -> Call[int]:
    """Return how many moments of recurring tasks came before this one (ms) and were claimed by no beat."""
    return command(int, "ZCOUNT", keys.SCHEDULES, "-inf", f"({before}")
