"""Occurrences: single runs of recurring tasks, planned when their moments have been claimed. Part of dispatch.

What is planned is read from the ledger: whoever hands an occurrence over only names it. Planning is done once however
often it is asked for, so what has been handed over twice, or by two, runs once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import ids
from cloudassist.fanout import Fanout
from cloudassist.orders import Order, Payload, Purpose, expiry, payload_hash
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations, schedules
from cloudassist.store.call import Call, Word
from cloudassist.store.invocations import Lifetimes
from cloudassist.store.ledger import Ledger

MOST: Final = 100
"""Occurrences handed over in one message."""

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an occurrence: the instances from ``start`` on; ``more`` of them follow."""

    occurrence: str
    start: int
    instance_ids: Sequence[str] = ()
    more: bool = False


class Occurrences:
    """Plans them, signs their orders and sends these."""

    def __init__(self, ledger: Ledger, fanout: Fanout, settings: Settings) -> None:
        self._ledger = ledger
        self._fanout = fanout
        self._settings = settings

    def plan(self, occurrences: Sequence[str]) -> int:
        """Plan these, as far as that has not been done; return how many orders were sent."""
        tasks = self._tasks(occurrences)
        gone = [occurrence for occurrence in occurrences if ids.task_of(occurrence) not in tasks]
        if gone:
            self._ledger.call(schedules.forget_claims(gone))
        waiting = [_Part(occurrence, 0) for occurrence in occurrences if ids.task_of(occurrence) in tasks]
        sent = 0
        while waiting:
            parts = self._with_instances(waiting)
            orders = self._plan(parts, tasks)
            self._fanout.publish(orders)
            sent += len(orders)
            waiting = [_Part(part.occurrence, part.start + schedules.PLAN_CHUNK) for part in parts if part.more]
        return sent

    def _tasks(self, occurrences: Sequence[str]) -> dict[str, Fields]:
        """Read the tasks; one that is gone needs nothing planned."""
        names = list(dict.fromkeys(map(ids.task_of, occurrences)))
        found = self._ledger.run([invocations.read(name) for name in names])
        return {name: fields for name, fields in zip(names, found, strict=True) if "frequency" in fields}

    def _with_instances(self, parts: Sequence[_Part]) -> list[_Part]:
        size = schedules.PLAN_CHUNK
        found = self._ledger.run(
            [invocations.page_targets(ids.task_of(part.occurrence), part.start, size + 1) for part in parts]
        )
        return [
            _Part(part.occurrence, part.start, names[:size], more=len(names) > size)
            for part, names in zip(parts, found, strict=True)
            if names
        ]

    def _plan(self, parts: Sequence[_Part], tasks: Mapping[str, Fields]) -> list[Order]:
        """Plan the parts; return the orders that are to be sent."""
        epochs = self._ledger.run([instances.read_epochs(part.instance_ids) for part in parts])
        plans = [
            _Plan(part, tasks[ids.task_of(part.occurrence)], now, self._settings)
            for part, (now, _) in zip(parts, epochs, strict=True)
        ]
        answers = self._ledger.run([call for plan in plans for call in plan.calls()])
        return [
            plan.order(instance_id, epoch)
            for plan, (_, of_part), codes in zip(plans, epochs, answers[1::2], strict=True)
            for instance_id, epoch, code in zip(plan.part.instance_ids, of_part, codes, strict=True)
            if not code and epoch is not None
        ]


class _Plan:
    """One part of one occurrence on its way into the ledger, at a moment (ms)."""

    def __init__(self, part: _Part, task: Fields, now: int, settings: Settings) -> None:
        self.part = part
        self._task = task
        self._now = now
        self._settings = settings
        self._timeout = int(task["timeout"])
        self._lifetimes = Lifetimes.of(settings, self._timeout)
        self._start_by = now + int(1000 * settings.start_window_seconds)
        self._payload = _payload(ids.task_of(part.occurrence), task, settings)

    def calls(self) -> list[Call[Any]]:
        """Return the two calls of planning; the second answers with the codes."""
        return [
            schedules.write_payload(self._task["payload"], self._payload, self._lifetimes),
            schedules.plan(
                self.part.occurrence,
                self.part.instance_ids,
                self._fields(),
                self._settings,
                self._lifetimes,
                last=not self.part.more,
            ),
        ]

    def order(self, instance_id: str, epoch: int) -> Order:
        """Return the order to one instance."""
        run_seconds = self._timeout + self._settings.kill_grace_seconds
        return Order(
            Purpose.RUN,
            ids.record_id(self.part.occurrence, instance_id),
            epoch,
            expires=expiry(self._start_by, self._now, run_seconds),
            start_by=self._start_by,
            payload_key=self._task["payload"],
            payload_hash=payload_hash(self._payload),
        )

    def _fields(self) -> dict[str, Word]:
        """Return what is written of the occurrence; script and parameters stand in its task alone."""
        return {
            "command_id": self._task["command_id"],
            "username": self._task["username"],
            "timeout": self._timeout,
            "creation_time": self._now,
            "start_by": self._start_by,
            "ends_by": self._now + self._lifetimes.work,
            "payload": self._task["payload"],
            "hash": payload_hash(self._payload),
        }


def _payload(task_id: str, task: Fields, settings: Settings) -> bytes:
    return Payload(
        invoke_id=task_id,
        command_id=task["command_id"],
        type=task["type"],
        content=task["content"],
        timeout=int(task["timeout"]),
        parameters=json.loads(task["parameters"]) if task["enable_parameter"] == "1" else None,
        working_dir=task["working_dir"],
        username=task["username"],
        region=settings.region,
    ).encode()
