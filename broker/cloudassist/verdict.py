"""What to do about a record that has not ended: the one rule of repair; pure.

A record is silent when it has not ended, no sign of life of its instance names it, and nothing was heard of it. Silence
has one remedy: its order is sent again, and the agent's answer settles it. Only time ends a record without its
instance's word, and only where that word cannot be under way any more.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from cloudassist.error_code import ErrorCode
from cloudassist.patience import growing
from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.status import TERMINAL, InvocationStatus
from cloudassist.topology import EXPIRED_CLAIM, STOPPED_CLAIM


class Action(StrEnum):
    """What the sweeper does about one record."""

    FORGET = "forget"
    """It has ended: do not look again."""
    LOOK = "look"
    """Nothing is wrong yet: look again later."""
    SEND_RUN = "send-run"
    """Have its order signed and sent again."""
    SEND_STOP = "send-stop"
    """Have its stop signed and sent again."""
    EXPIRE = "expire"
    """It was not claimed in time: claim it, so that it cannot start any more."""
    FAIL = "fail"
    """Its instance did not speak in time: end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the ledger knows of one record at one moment; times in milliseconds of the server's clock.

    ``waiting`` orders lie in the queue of the instance, ``waiting_stops`` in the one of its stops; ``waited`` says that
    some did at the last look. ``settled`` tells that no report can be under way: the reports and the taken lists were
    seen empty, and the server has been up, and had memory, for long enough for its instances to have come back.
    """

    now: int
    status: str
    planned: bool
    creation_time: int
    deliver_by: int
    start_by: int
    timeout: int
    start_time: int | None
    tries: int
    claim: str
    presence: Presence | None
    waiting: int
    waited: bool
    waiting_stops: int
    record_id: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, when to look again (ms, server's clock), and the error code of a failure."""

    action: Action
    look_at: int = 0
    error_code: ErrorCode | None = None


_AGE_SHARE: Final = 0.1
"""Which part of its age passes between two looks at a record that waits."""
_UNCLAIMED: Final = frozenset({"", STOPPED_CLAIM, EXPIRED_CLAIM})


def decide(seen: Observation, settings: Settings) -> Verdict:
    """Return what is to be done about one record."""
    if not seen.status or seen.status in TERMINAL:
        return Verdict(Action.FORGET)
    if seen.status == InvocationStatus.STOPPING:
        return _stopping(seen, settings)
    if seen.claim in _UNCLAIMED:
        return _unclaimed(seen, settings)
    return _claimed(seen, settings)


def watch_ms(settings: Settings) -> int:
    """Return after how long a record that was heard of is looked at again."""
    return int(2000 * settings.presence_interval_seconds)


def _unclaimed(seen: Observation, settings: Settings) -> Verdict:
    has_room = seen.presence is None or (seen.presence.free > 0 and not seen.presence.draining)
    deadline = min(seen.deliver_by, seen.start_by) if has_room else seen.start_by
    if seen.now >= deadline:
        return Verdict(Action.EXPIRE, _again(seen, settings))
    if seen.planned and seen.presence is not None and seen.waiting == 0:
        verdict = _taken(seen, settings)
        return replace(verdict, look_at=min(verdict.look_at, deadline))
    return Verdict(Action.LOOK, min(_later(seen, settings), deadline))


def _claimed(seen: Observation, settings: Settings) -> Verdict:
    if seen.presence is not None and seen.record_id in seen.presence.running:
        return Verdict(Action.LOOK, seen.now + watch_ms(settings))
    if _overdue(seen, settings):
        return _failure(seen)
    if seen.presence is None:
        return Verdict(Action.LOOK, seen.now + watch_ms(settings))
    return _taken(seen, settings)


def _taken(seen: Observation, settings: Settings) -> Verdict:
    """Return what to do about a record of a living instance whose order is not in the queue any more.

    If it was at the last look, its agent has as long to speak as if the order had been sent now.
    """
    if seen.waited:
        return Verdict(Action.LOOK, seen.now + int(1000 * settings.redelivery_seconds))
    return Verdict(Action.SEND_RUN, _again(seen, settings))


def _stopping(seen: Observation, settings: Settings) -> Verdict:
    named = seen.presence is not None and seen.record_id in seen.presence.running
    if not named and _overdue(seen, settings):
        return _failure(seen)
    if seen.presence is None:
        return Verdict(Action.LOOK, seen.now + watch_ms(settings))
    action = Action.LOOK if seen.waiting_stops else Action.SEND_STOP
    return Verdict(action, _again(seen, settings))


def _overdue(seen: Observation, settings: Settings) -> bool:
    begun = seen.start_by if seen.start_time is None else seen.start_time
    grace = settings.kill_grace_seconds + settings.silence_grace_seconds
    return seen.settled and seen.now >= begun + int(1000 * (seen.timeout + grace))


def _failure(seen: Observation) -> Verdict:
    code = ErrorCode.CLIENT_NOT_RESPONSE if seen.presence is None else ErrorCode.EXECUTION_INTERRUPTED
    return Verdict(Action.FAIL, error_code=code)


def _later(seen: Observation, settings: Settings) -> int:
    """Return when to look again at a record that waits: the longer it has, the more rarely, for there may be many."""
    pause = max(_AGE_SHARE * (seen.now - seen.creation_time), 1000 * settings.redelivery_seconds)
    return seen.now + int(min(pause, 1000 * settings.redelivery_ceiling_seconds))


def _again(seen: Observation, settings: Settings) -> int:
    pause = growing(seen.tries, settings.redelivery_seconds, settings.redelivery_ceiling_seconds)
    return seen.now + int(1000 * pause)
