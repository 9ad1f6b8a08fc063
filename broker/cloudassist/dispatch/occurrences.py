"""Occurrences: single runs of recurring tasks, planned when their moments have been claimed.

What is planned is read from the ledger: whoever hands an occurrence over only names it. Planning is done once however
often it is asked for, so what has been handed over twice, or by two, runs once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from cloudassist import ids
from cloudassist.dispatch.recurring_tasks import RecurringTask, RecurringTasks
from cloudassist.fanout import Fanout
from cloudassist.orders import Order, Purpose, expiry
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations, schedules
from cloudassist.store.call import Call, Word
from cloudassist.store.invocations import READ_CHUNK, Lifetimes
from cloudassist.store.ledger import Ledger

MOST: Final = 250
"""Occurrences handed over in one message."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an occurrence: the instances from ``start`` on; ``more`` of them follow."""

    occurrence: str
    task: RecurringTask
    start: int
    instance_ids: Sequence[str]
    more: bool


class Occurrences:
    """Plans them, signs their orders and sends these; safe to share between threads."""

    def __init__(self, ledger: Ledger, fanout: Fanout, settings: Settings) -> None:
        self._ledger = ledger
        self._fanout = fanout
        self._settings = settings
        self._tasks = RecurringTasks(ledger, settings)
        self._lock = Lock()

    def plan(self, occurrences: Sequence[str]) -> int:
        """Plan these, as far as that has not been done; return how many orders were sent."""
        with self._lock:
            tasks = self._tasks.of(occurrences)
        gone = [occurrence for occurrence in occurrences if ids.task_of(occurrence) not in tasks]
        if gone:
            self._ledger.call(schedules.forget_claims(gone))
        parts = [
            _part(occurrence, tasks[task_id], 0, tasks[task_id].instance_ids)
            for occurrence in occurrences
            if (task_id := ids.task_of(occurrence)) in tasks
        ]
        sent = 0
        while parts:
            orders = self._plan(parts)
            self._fanout.publish(orders)
            sent += len(orders)
            parts = self._further(parts)
        return sent

    def _further(self, parts: Sequence[_Part]) -> list[_Part]:
        """Return the parts that come after these."""
        size = schedules.PLAN_CHUNK
        following = [part for part in parts if part.more]
        found = self._ledger.run(
            [invocations.page_targets(ids.task_of(part.occurrence), part.start + size, size + 1) for part in following]
        )
        return [
            _part(part.occurrence, part.task, part.start + size, names)
            for part, names in zip(following, found, strict=True)
        ]

    def _plan(self, parts: Sequence[_Part]) -> list[Order]:
        """Plan the parts; return the orders that are to be sent."""
        now, epochs = self._epochs(parts)
        plans = [_Plan(part, now, self._settings) for part in parts]
        answers = self._ledger.run([plan.call() for plan in plans])
        return [
            plan.order(instance_id, epoch)
            for plan, codes in zip(plans, answers, strict=True)
            for instance_id, code in zip(plan.part.instance_ids, codes, strict=True)
            if not code and (epoch := epochs[instance_id]) is not None
        ]

    def _epochs(self, parts: Sequence[_Part]) -> tuple[int, Mapping[str, int | None]]:
        """Return the server's time (ms), and the enrolment epoch of each instance."""
        names = list(dict.fromkeys(instance_id for part in parts for instance_id in part.instance_ids))
        chunks = [names[start : start + READ_CHUNK] for start in range(0, len(names), READ_CHUNK)]
        answers = self._ledger.run([instances.read_epochs(chunk) for chunk in chunks])
        epochs = (epoch for _, of_chunk in answers for epoch in of_chunk)
        return answers[0][0], dict(zip(names, epochs, strict=True))


class _Plan:
    """One part of one occurrence on its way into the ledger, at a moment (ms)."""

    def __init__(self, part: _Part, now: int, settings: Settings) -> None:
        self.part = part
        self._now = now
        self._settings = settings
        self._lifetimes = Lifetimes.of(settings, part.task.timeout)
        self._start_by = now + int(1000 * settings.start_window_seconds)
        self._expires = expiry(self._start_by, now, part.task.timeout + settings.kill_grace_seconds)

    def call(self) -> Call[list[str]]:
        """Return the call of planning."""
        return schedules.plan(
            self.part.occurrence,
            self.part.instance_ids,
            (self.part.task.payload_key, self.part.task.payload),
            self._fields(),
            self._settings,
            self._lifetimes,
            last=not self.part.more,
        )

    def order(self, instance_id: str, epoch: int) -> Order:
        """Return the order to one instance."""
        return Order(
            Purpose.RUN,
            ids.record_id(self.part.occurrence, instance_id),
            epoch,
            expires=self._expires,
            start_by=self._start_by,
            payload_key=self.part.task.payload_key,
            payload_hash=self.part.task.payload_hash,
        )

    def _fields(self) -> dict[str, Word]:
        """Return what is written of the occurrence; script and parameters stand in its task alone."""
        task = self.part.task
        return {
            "command_id": task.command_id,
            "username": task.username,
            "timeout": task.timeout,
            "creation_time": self._now,
            "start_by": self._start_by,
            "ends_by": self._now + self._lifetimes.work,
            "payload": task.payload_key,
            "hash": task.payload_hash,
        }


def _part(occurrence: str, task: RecurringTask, start: int, names: Sequence[str]) -> _Part:
    """Return a part; ``names`` are a chunk of instances, and one more where there are more."""
    size = schedules.PLAN_CHUNK
    return _Part(occurrence, task, start, names[:size], more=len(names) > size)
