"""The sweeper: looks at records that have been quiet for a while, and has them repaired or ended.

It runs in every control worker, side by side with others: whoever takes a record from the ``due`` set keeps it from
the others for a while. Its work is bounded per turn, and records that have ended cost it nothing.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from cloudassist import ids, limits, topology
from cloudassist.duties.silence import Silence
from cloudassist.duties.tally import Tally
from cloudassist.errors import MessageError
from cloudassist.looper import Looper
from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations, sweeps
from cloudassist.store.call import Call
from cloudassist.store.ledger import Ledger
from cloudassist.store.library import CLAIM_MARGIN_MS
from cloudassist.verdict import Action, Observation, Verdict, decide

log = logging.getLogger(__name__)

MOST: Final = 200
"""Records looked at in one turn."""
HOLD_MS: Final = 5_000
"""Milliseconds that a record is kept from other sweepers."""
REST_SECONDS: Final = 0.5
"""Seconds between two turns where nothing is due."""

_READS: Final = 6
"""Calls that an observation takes."""
_NOTES: Final = {
    Action.WAIT: sweeps.note_waiting,
    Action.TAKEN: sweeps.note_taken,
    Action.SEND_RUN: sweeps.count_try,
    Action.SEND_STOP: sweeps.count_try,
}
"""What is written down of a record besides when to look again."""

Redeliver = Callable[[Sequence[str], Sequence[str]], None]
"""Hands records to dispatch: those whose run is to be sent again, those whose stop is."""


class Sweeper(Looper):
    """The duty. ``redeliver`` hands over to dispatch, which holds the key; ``tally`` is told what was done."""

    name = "sweeper"

    def __init__(self, ledger: Ledger, settings: Settings, redeliver: Redeliver, tally: Tally | None = None) -> None:
        super().__init__()
        self._ledger = ledger
        self._settings = settings
        self._redeliver = redeliver
        self._tally = tally or Tally()
        self._silence = Silence(ledger, settings.server_settle_seconds)

    def turn(self) -> float:
        """Look at what is due; return the seconds to rest."""
        now, record_ids = self._ledger.call(sweeps.take_due(MOST, HOLD_MS))
        if record_ids:
            seen = self._observe(now, record_ids)
            self._act([(observation.record_id, decide(observation, self._settings)) for observation in seen])
        return 0 if len(record_ids) == MOST else REST_SECONDS

    def finish(self) -> None:
        """Nothing is held: what was taken comes due again."""

    def _observe(self, now: int, record_ids: Sequence[str]) -> list[Observation]:
        calls: list[Call[Any]] = []
        for record_id in record_ids:
            invoke_id, instance_id = ids.split_record_id(record_id)
            calls += (
                invocations.read_record_fields(record_id, "status", "start_time", "tries", "waited"),
                invocations.read_fields(invoke_id, "planned", "creation_time", "deliver_by", "start_by", "timeout"),
                sweeps.read_claim(record_id),
                instances.read_presence(instance_id),
                sweeps.queue_length(topology.instance_queue(instance_id)),
                sweeps.queue_length(topology.control_queue(instance_id)),
            )
        answers = self._ledger.run(calls)
        settled = self._silence.means_something()
        return [
            _observation(now, record_id, answers[_READS * index : _READS * index + _READS], settled=settled)
            for index, record_id in enumerate(record_ids)
        ]

    def _act(self, verdicts: Sequence[tuple[str, Verdict]]) -> None:
        by_action: dict[Action, list[str]] = {action: [] for action in Action}
        calls: list[Call[Any]] = []
        touched: set[str] = set()
        for record_id, verdict in verdicts:
            by_action[verdict.action].append(record_id)
            calls += self._calls(record_id, verdict)
            if verdict.action in {Action.EXPIRE, Action.FAIL}:
                touched.add(ids.split_record_id(record_id)[0])
        calls += [invocations.notice(invoke_id) for invoke_id in touched]
        self._ledger.run(calls)
        self._tally.note_verdicts(verdict.action for _, verdict in verdicts)
        self._hand_over(by_action[Action.SEND_RUN], by_action[Action.SEND_STOP])
        for action in (Action.SEND_RUN, Action.SEND_STOP, Action.EXPIRE, Action.FAIL):
            if by_action[action]:
                log.info("%s: %s", action, ", ".join(by_action[action]))

    def _hand_over(self, runs: Sequence[str], stops: Sequence[str]) -> None:
        waiting = self._ledger.call(sweeps.queue_length(topology.DISPATCH_QUEUE)) if runs or stops else 0
        if waiting >= limits.HANDED_OVER:
            log.warning("%d messages wait for dispatch: nothing more is handed over. Does it run?", waiting)
            return
        self._redeliver(runs, stops)

    def _calls(self, record_id: str, verdict: Verdict) -> list[Call[Any]]:
        retention_ms = int(1000 * self._settings.retention_seconds)
        match verdict.action:
            case Action.FORGET:
                return [sweeps.forget(record_id)]
            case Action.EXPIRE:
                claim_ms = int(1000 * self._settings.start_window_seconds) + CLAIM_MARGIN_MS
                return [
                    sweeps.postpone(record_id, verdict.look_at),
                    sweeps.expire(record_id, retention_ms, claim_ms),
                ]
            case Action.FAIL if verdict.error_code is not None:
                return [sweeps.fail(record_id, verdict.error_code, retention_ms)]
            case action:
                notes = [_NOTES[action](record_id)] if action in _NOTES else []
                return [*notes, sweeps.postpone(record_id, verdict.look_at)]


def _observation(now: int, record_id: str, answers: Sequence[Any], *, settled: bool) -> Observation:
    record, invocation, claim, presence, waiting, stops = answers
    start_time = record.get("start_time")
    return Observation(
        now=now,
        record_id=record_id,
        status=record.get("status", "") if invocation else "",
        planned="planned" in invocation,
        creation_time=int(invocation.get("creation_time", 0)),
        deliver_by=int(invocation.get("deliver_by", 0)),
        start_by=int(invocation.get("start_by", 0)),
        timeout=int(invocation.get("timeout", 0)),
        start_time=None if start_time is None else int(start_time),
        tries=int(record.get("tries", 0)),
        claim=claim,
        presence=_presence(presence),
        waiting=waiting,
        waited="waited" in record,
        waiting_stops=stops,
        settled=settled,
    )


def _presence(data: bytes | None) -> Presence | None:
    """Read a sign of life; one that cannot be read still says that the instance lives."""
    if data is None:
        return None
    try:
        return Presence.decode(data)
    except MessageError:
        return Presence(agent="", time=0)
