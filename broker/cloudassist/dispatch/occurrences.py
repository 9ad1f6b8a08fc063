"""Occurrences: single runs of recurring tasks, planned when their moments have been claimed.

What is planned is read from the ledger: whoever hands an occurrence over only names it. Planning is done once however
often it is asked for, so what has been handed over twice, or by two, runs once.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from cloudassist import ids
from cloudassist.dispatch.recurring_tasks import RecurringTask, RecurringTasks
from cloudassist.dispatch.warrants import LATE_MS, Warrants
from cloudassist.fanout import Fanout
from cloudassist.orders import Order, Purpose, expiry
from cloudassist.pushing import Message
from cloudassist.request import Word
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations, schedules
from cloudassist.store.call import Call
from cloudassist.store.instances import Enrolment
from cloudassist.store.invocations import READ_CHUNK, Lifetimes
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

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
    """Plans them, signs their orders and sends these, as far as warrants cover them; safe between threads."""

    def __init__(self, ledger: Ledger, fanout: Fanout, settings: Settings, warrants: Warrants) -> None:
        self._ledger = ledger
        self._fanout = fanout
        self._settings = settings
        self._tasks = RecurringTasks(ledger, settings, warrants)
        self._lock = Lock()

    def foresee(self, occurrences: Sequence[str]) -> int:
        """Read and verify what these need, which come before long; return how many tasks are known."""
        with self._lock:
            tasks = self._tasks.of(occurrences)
        for name in occurrences:
            if task := tasks.get(ids.task_of(name)):
                task.covered.has_moment(ids.moment_of(name))
        return len(tasks)

    def plan(self, occurrences: Sequence[str]) -> int:
        """Plan these, as far as that has not been done; return how many orders were sent."""
        with self._lock:
            tasks = self._tasks.of(occurrences)
        may_run = [name for name in occurrences if _is_moment_of(name, tasks.get(ids.task_of(name)))]
        gone = set(occurrences).difference(may_run)
        if gone:
            self._ledger.call(schedules.forget_claims(sorted(gone)))
        parts = [_part(name, tasks[ids.task_of(name)], 0) for name in may_run]
        sent = 0
        while parts:
            messages = self._plan(parts)
            self._fanout.publish(messages)
            sent += len(messages)
            parts = [
                _part(part.occurrence, part.task, part.start + schedules.PLAN_CHUNK) for part in parts if part.more
            ]
        return sent

    def _plan(self, parts: Sequence[_Part]) -> list[Message]:
        """Plan the parts; return the orders that are to be sent, signed."""
        now, enrolments = self._enrolments(parts)
        sealed = self._sealed(parts)
        plans = [_Plan(part, now, self._settings) for part in parts]
        pairs = [(plan, instance_id) for plan in plans for instance_id in plan.part.instance_ids]
        orders = {
            place: plan.order(instance_id, enrolment.epoch, sealed.get((plan.part.occurrence, instance_id), ""))
            for place, (plan, instance_id) in enumerate(pairs)
            if plan.in_time and (enrolment := enrolments[instance_id]) is not None
        }
        # The few that will not be sent are signed as well: the others need not wait until it is known which.
        answers, messages = self._ledger.run_beside(
            lambda: self._fanout.sign(list(orders.values())), [plan.call() for plan in plans]
        )
        codes = [code for answer in answers for code in answer]
        return [message for place, message in zip(orders, messages, strict=True) if not codes[place]]

    def _sealed(self, parts: Sequence[_Part]) -> dict[tuple[str, str], str]:
        """Return the sealed keys of the tasks that have secret values, by occurrence and instance."""
        secret = [part for part in parts if part.task.has_secrets]
        answers = self._ledger.run(
            [invocations.read_sealed(ids.task_of(part.occurrence), part.instance_ids) for part in secret]
        )
        return {
            (part.occurrence, instance_id): sealed
            for part, found in zip(secret, answers, strict=True)
            for instance_id, sealed in zip(part.instance_ids, found, strict=True)
        }

    def _enrolments(self, parts: Sequence[_Part]) -> tuple[int, Mapping[str, Enrolment | None]]:
        """Return the server's time (ms), and how each instance is enrolled."""
        names = list(dict.fromkeys(instance_id for part in parts for instance_id in part.instance_ids))
        chunks = [names[start : start + READ_CHUNK] for start in range(0, len(names), READ_CHUNK)]
        answers = self._ledger.run([instances.read_enrolments(chunk) for chunk in chunks])
        found = (enrolment for _, of_chunk in answers for enrolment in of_chunk)
        return answers[0][0], dict(zip(names, found, strict=True))


class _Plan:
    """One part of one occurrence on its way into the ledger, at a moment (ms)."""

    def __init__(self, part: _Part, now: int, settings: Settings) -> None:
        self.part = part
        self._now = now
        self._settings = settings
        self._lifetimes = Lifetimes.of(settings, part.task.timeout)
        self._start_by = now + int(1000 * settings.start_window_seconds)
        self._expires = expiry(self._start_by, now, part.task.timeout + settings.kill_grace_seconds)

    @property
    def in_time(self) -> bool:
        """Tell whether the moment may still be run; otherwise its records were planned to fail."""
        latest = ids.moment_of(self.part.occurrence) + self.part.task.covered.warrant.grace_ms + LATE_MS
        return self._now <= latest

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

    def order(self, instance_id: str, epoch: int, sealed: str) -> Order:
        """Return the order to one instance."""
        return Order(
            Purpose.RUN,
            ids.record_id(self.part.occurrence, instance_id),
            epoch,
            expires=self._expires,
            start_by=self._start_by,
            payload_key=self.part.task.payload_key,
            payload_hash=self.part.task.payload_hash,
            sealed=sealed,
            schema=self.part.task.schema,
        )

    def _fields(self) -> dict[str, Word]:
        """Return what is written of the occurrence; script and parameters stand in its task alone."""
        task = self.part.task
        return {
            "schema": task.schema,
            "command_id": task.command_id,
            "username": task.username,
            "timeout": task.timeout,
            "creation_time": self._now,
            "deliver_by": self._now + int(1000 * self._settings.delivery_seconds),
            "start_by": self._start_by,
            "ends_by": self._now + self._lifetimes.work,
            "payload": task.payload_key,
            "hash": task.payload_hash,
        }


def _is_moment_of(occurrence: str, task: RecurringTask | None) -> bool:
    """Tell whether this is a moment of a task that has a warrant."""
    if task is None:
        return False
    if not task.covered.has_moment(ids.moment_of(occurrence)):
        log.error("%s is not run: its task has no such moment", occurrence)
        return False
    return True


def _part(occurrence: str, task: RecurringTask, start: int) -> _Part:
    """Return the part of an occurrence that begins with this instance."""
    names = task.instance_ids[start : start + schedules.PLAN_CHUNK]
    return _Part(occurrence, task, start, names, more=start + len(names) < len(task.instance_ids))
