"""When a run recurs: the arguments RepeatMode, Frequency and Timed (API a.1, a.19)."""

from dataclasses import dataclass

from cloudassist import expressions, limits
from cloudassist.error_code import ErrorCode
from cloudassist.errors import InvalidParameterError
from cloudassist.expressions import At, Fault
from cloudassist.operations import arguments, not_built
from cloudassist.request import Word
from cloudassist.settings import Settings

ONCE = "Once"
PERIOD = "Period"
_ELSEWHERE = ("NextRebootOnly", "EveryReboot", "DryRun")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A Frequency that may be: its first moment, and how late one may be before it is missed (both ms).

    ``expired`` is what its records fail with where its last moment was missed.
    """

    frequency: str
    zone: str
    due: int
    grace_ms: int
    expired: ErrorCode

    def fields(self) -> dict[str, Word]:
        """Return what is written of it."""
        return {
            "frequency": self.frequency,
            "time_zone": self.zone,
            "grace_ms": self.grace_ms,
            "expired_code": self.expired.value,
        }


def check(frequency: object, repeat_mode: object, timed: object, settings: Settings) -> str:
    """Return the Frequency, empty where the run is to be made once; Timed says nothing any more (API a.1)."""
    if timed is not None:
        arguments.flag("timed", timed)
    mode = None if repeat_mode is None else arguments.text("repeat_mode", repeat_mode)
    if mode in _ELSEWHERE:
        raise not_built.error(f"repeat_mode (RepeatMode) {mode} is not supported")
    if mode not in {None, ONCE, PERIOD}:
        raise InvalidParameterError(
            "InvalidParam.RepeatMode", f"repeat_mode must be {ONCE} or {PERIOD}; it is {mode!r:.50}"
        )
    if frequency is None or frequency == "":
        if mode == PERIOD:
            raise InvalidParameterError("MissingParam.Frequency", f"repeat_mode {PERIOD} needs a frequency")
        return ""
    text = arguments.text("frequency", frequency)
    try:
        expressions.parse(text, settings.time_zone)
    except Fault as fault:
        raise _wrong(text, fault) from None
    return text


def check_window(frequency: str, deliver_within: int) -> int:
    """Return ``deliver_within``, which a run that recurs may not have: its next moment comes instead."""
    if frequency and deliver_within:
        raise InvalidParameterError(
            "InvalidParam.DeliverWithin",
            f"deliver_within ({deliver_within}) does not go with frequency {frequency!r:.100}: a moment that an "
            "offline instance misses is not made up for",
        )
    return deliver_within


def begin(frequency: str, now: int, settings: Settings) -> Recurrence:
    """Return how a Frequency begins now (ms); raises InvalidParameterError where it may not be."""
    try:
        expression = expressions.check(frequency, settings.time_zone, now)
    except Fault as fault:
        raise _wrong(frequency, fault) from None
    due = expression.after(now, now)
    assert due is not None
    second = expression.after(due, now)
    interval = 1000 * limits.MISFIRE_SECONDS if second is None else second - due
    grace = int(1000 * settings.misfire_seconds) or min(interval, 1000 * limits.MISFIRE_SECONDS)
    expired = ErrorCode.AT_EXPRESSION_EXPIRED if isinstance(expression, At) else ErrorCode.CRON_EXPRESSION_EXPIRED
    return Recurrence(frequency, settings.time_zone, due, grace, expired)


def _wrong(text: str, fault: Fault) -> InvalidParameterError:
    return InvalidParameterError(
        "InvalidParam.Frequency", f"frequency {text!r:.100} is wrong at character {fault.position + 1}: {fault.reason}"
    )
