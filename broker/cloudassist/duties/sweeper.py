"""The sweeper: looks at records that have been quiet for a while, and has them repaired or ended.

It runs in every control worker, side by side with others: whoever takes a record from the ``due`` set keeps it from
the others for a while. Its work is bounded per turn, and records that have ended cost it nothing.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from cloudassist import ids, limits, topology
from cloudassist.duties.silence import Silence
from cloudassist.duties.tally import Tally
from cloudassist.errors import MessageError
from cloudassist.looper import Looper
from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.store import invocations, sweeps
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
        now, seen = self._ledger.call(sweeps.observe_due(MOST, HOLD_MS))
        if seen:
            settled = self._silence.means_something()
            observations = [_observation(now, record, settled=settled) for record in seen]
            self._act({each.record_id: decide(each, self._settings) for each in observations})
        return 0 if len(seen) == MOST else REST_SECONDS

    def finish(self) -> None:
        """Nothing is held: what was taken comes due again."""

    def _act(self, verdicts: Mapping[str, Verdict]) -> None:
        by_action: dict[Action, list[str]] = {action: [] for action in Action}
        for record_id, verdict in verdicts.items():
            by_action[verdict.action].append(record_id)
        looks = {record_id: verdict.look_at for record_id, verdict in verdicts.items() if verdict.look_at}
        touched = {ids.split_record_id(name)[0] for name in (*by_action[Action.EXPIRE], *by_action[Action.FAIL])}
        self._ledger.run(
            [
                *([sweeps.postpone(looks)] if looks else []),
                *chain.from_iterable(self._calls(record_id, verdict) for record_id, verdict in verdicts.items()),
                *map(invocations.notice, touched),
            ]
        )
        self._tally.note_verdicts(verdict.action for verdict in verdicts.values())
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

    def _calls(self, record_id: str, verdict: Verdict) -> Iterable[Call[Any]]:
        retention_ms = int(1000 * self._settings.retention_seconds)
        match verdict.action:
            case Action.FORGET:
                yield sweeps.forget(record_id)
            case Action.EXPIRE:
                claim_ms = int(1000 * self._settings.start_window_seconds) + CLAIM_MARGIN_MS
                yield sweeps.expire(record_id, retention_ms, claim_ms)
            case Action.FAIL if verdict.error_code is not None:
                yield sweeps.fail(record_id, verdict.error_code, retention_ms)
            case Action.SEND_RUN | Action.SEND_STOP:
                yield sweeps.count_try(record_id)


def _observation(now: int, seen: sweeps.Seen, *, settled: bool) -> Observation:
    status, start_time, tries, waited = seen.record
    planned, creation_time, deliver_by, start_by, timeout = seen.invocation
    return Observation(
        now=now,
        record_id=seen.record_id,
        status=status or "" if creation_time else "",
        planned=bool(planned),
        creation_time=int(creation_time or 0),
        deliver_by=int(deliver_by or 0),
        start_by=int(start_by or 0),
        timeout=int(timeout or 0),
        start_time=int(start_time) if start_time else None,
        tries=int(tries or 0),
        claim=seen.claim or "",
        presence=_presence(seen.presence),
        waiting=seen.orders,
        waited=bool(waited),
        waiting_stops=seen.stops,
        settled=settled,
    )


def _presence(data: sweeps.Text) -> Presence | None:
    """Read a sign of life; one that cannot be read still says that the instance lives."""
    if data is False:
        return None
    try:
        return Presence.decode(data.encode())
    except MessageError:
        return Presence(agent="", time=0)
