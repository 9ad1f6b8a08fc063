"""What the duties of one control worker have seen pass: kept in its memory, for whoever asks for numbers.

Whatever is counted is counted by the worker that did it, once: a report by the aggregator that applied it first, a
verdict by the sweeper that carried it out. So the workers' numbers add up, and cost the server nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from cloudassist import ids
from cloudassist.duties.distribution import Distribution
from cloudassist.messages import Report
from cloudassist.status import TERMINAL
from cloudassist.store import reports
from cloudassist.store.reports import Applied
from cloudassist.verdict import Action

BOUNDS_MS: Final = (
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 86_400_000,
)  # fmt: skip
"""Milliseconds: from an idle instance's few to the longest timeout, a day."""

_APPLIED: Final = (reports.STARTED, reports.CHANGED)
_REPAIRS: Final = frozenset({Action.SEND_RUN, Action.SEND_STOP, Action.EXPIRE, Action.FAIL})


class Tally:
    """The numbers. ``delivery`` is from the call to the start, ``schedule_delay`` from the moment that was due to it.

    ``execution`` is from the start to the end; all in milliseconds. ``silent`` counts by what was done about a silent
    record. How many have ended is known to the ledger, which ends them, whoever asks.
    """

    def __init__(self) -> None:
        self.delivery = Distribution(BOUNDS_MS)
        self.schedule_delay = Distribution(BOUNDS_MS)
        self.execution = Distribution(BOUNDS_MS)
        self.silent: Counter[str] = Counter(dict.fromkeys(_REPAIRS, 0))

    def note_reports(self, applied: Applied, said: Sequence[Report]) -> None:
        """Count what reports of one run have changed."""
        if applied.since is None:
            return
        recurs = ids.recurs(said[0].record_id)
        for report, word in zip(said, applied.words, strict=True):
            if word == reports.STARTED and report.start_time is not None:
                waited = max(0, report.start_time - applied.since)
                (self.schedule_delay if recurs else self.delivery).add(waited)
            if word not in _APPLIED or report.status not in TERMINAL:
                continue
            if report.start_time is not None and report.finish_time is not None:
                self.execution.add(max(0, report.finish_time - report.start_time))

    def note_verdicts(self, actions: Iterable[Action]) -> None:
        """Count what was done about silent records."""
        self.silent.update(action.value for action in actions if action in _REPAIRS)
