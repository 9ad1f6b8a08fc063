"""What a beat knows of recurring tasks: their expressions, and so their next moments."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import expressions, limits
from cloudassist.expressions import Expression, Fault
from cloudassist.store import invocations
from cloudassist.store.call import Call
from cloudassist.store.ledger import Ledger
from cloudassist.store.schedules import Claim, What

log = logging.getLogger(__name__)

KNOWN: Final = 50_000
"""Tasks that are remembered, the most: what is forgotten is read again."""

ON_TIME_MS: Final = 1_000
"""Milliseconds by which a moment can be over without another one of its task being over as well."""

_FIELDS: Final = ("frequency", "time_zone", "creation_time", "grace_ms")


@dataclass(frozen=True, slots=True)
class _Task:
    """One task: its expression (None: nobody can read it), its creation, and how late a moment may be (both ms)."""

    expression: Expression | None
    anchor: int
    grace_ms: int


class Calendar:
    """Reads each task once, for what it is does not change, and works each moment out once.

    A beat looks ahead more than once before a moment: it must not be busy with that again when the moment comes.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tasks: dict[str, _Task] = {}
        self._following: dict[str, tuple[int, int | None]] = {}

    def claims(self, due: Sequence[tuple[str, int]], now: int) -> list[Claim]:
        """Return what is to be claimed of tasks and their moments, which are due, or will be before long (ms)."""
        self._learn([invoke_id for invoke_id, _ in due])
        return [self._claim(invoke_id, moment, now, self._tasks.get(invoke_id)) for invoke_id, moment in due]

    def keep(self, invoke_ids: Sequence[str]) -> None:
        """Forget all tasks but these."""
        self._tasks = {name: self._tasks[name] for name in invoke_ids if name in self._tasks}
        self._following = {name: self._following[name] for name in self._tasks if name in self._following}

    def _learn(self, invoke_ids: Sequence[str]) -> None:
        new = [name for name in invoke_ids if name not in self._tasks]
        if len(self._tasks) + len(new) > KNOWN:
            self.keep(invoke_ids)
        calls: list[Call[Any]] = [invocations.read_fields(name, *_FIELDS) for name in new]
        for name, fields in zip(new, self._ledger.run(calls), strict=True):
            if len(fields) == len(_FIELDS):
                expression = _read(name, fields["frequency"], fields["time_zone"])
                self._tasks[name] = _Task(expression, int(fields["creation_time"]), int(fields["grace_ms"]))

    def _claim(self, invoke_id: str, due: int, now: int, task: _Task | None) -> Claim:
        """Return the claim of a moment. Of those that are over the newest is run, unless that is too late, too."""
        if task is None:
            # Its invocation is gone: so is its place among the schedules, with this.
            return Claim(invoke_id, due, due, None, 0, What.NONE)
        expression = task.expression
        if expression is None:
            return Claim(invoke_id, due, due, None, 1, What.LOST)
        if due >= now - ON_TIME_MS:
            return Claim(invoke_id, due, due, self._next(invoke_id, due, expression, task.anchor), 0, What.RUN)
        passed = expression.passed(due, now, task.anchor)
        following = _after(expression, passed.last, task.anchor)
        if now - passed.last <= task.grace_ms:
            return Claim(invoke_id, due, passed.last, following, passed.count - 1, What.RUN)
        what = What.LOST if following is None else What.NONE
        return Claim(invoke_id, due, passed.last, following, passed.count, what)

    def _next(self, invoke_id: str, due: int, expression: Expression, anchor: int) -> int | None:
        """Return the moment of a task after the one that is due."""
        moment, following = self._following.get(invoke_id, (None, None))
        if moment != due:
            following = _after(expression, due, anchor)
            self._following[invoke_id] = (due, following)
        return following


def _after(expression: Expression, moment: int, anchor: int) -> int | None:
    """Return the next moment; where clocks are put forward, two may be too close, and are one."""
    following = expression.after(moment, anchor)
    while following is not None and following - moment < 1000 * limits.INTERVAL_SECONDS:
        following = expression.after(following, anchor)
    return following


def _read(invoke_id: str, text: str, zone: str) -> Expression | None:
    """Read an expression. It was checked when the task began; one that nobody can read ends its own task only."""
    try:
        return expressions.parse(text, zone)
    except Fault as fault:
        log.error("%s: its frequency cannot be read, and it ends: %s", invoke_id, fault.reason)
        return None
