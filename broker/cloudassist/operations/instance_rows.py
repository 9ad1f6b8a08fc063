"""Rows about instances: which are wanted, in which order, and what of the ledger a row is made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cloudassist.errors import NotFoundError
from cloudassist.models.instance import Instance
from cloudassist.models.instance_state import InstanceState
from cloudassist.operations import targets
from cloudassist.operations.filters import Filter
from cloudassist.operations.listing import Index, Position
from cloudassist.operations.steps import Operation
from cloudassist.store import instances

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which instances are wanted."""

    fields: Filter
    online: bool | None
    tags: dict[str, str] | None

    @property
    def is_open(self) -> bool:
        """Tell whether every instance fits."""
        return self.fields.is_open and self.online is None and self.tags is None

    def fits(self, instance_id: str, facts: Mapping[str, str], presence: bytes | None) -> bool:
        """Tell whether an instance fits."""
        return (
            bool(facts)
            and self.fields.fits({"instance_name": instance_id, **facts, "instance_id": instance_id})
            and self.online in {None, presence is not None}
            and (self.tags is None or targets.carries(facts.get("tags", ""), self.tags))
        )


def known_instance(instance_id: str) -> Operation[Instance]:
    """Return an instance; raises NotFoundError (InvalidInstance.NotFound)."""
    now, *own = yield [instances.server_time(), *instances.state(instance_id)]
    state = InstanceState(now, *own)
    if not state.facts:
        raise NotFoundError("InvalidInstance.NotFound", f"no instance is registered as {instance_id}")
    return Instance.of(instance_id, state)


def index(named: Sequence[str] | None, wanted: Chosen, make: Callable[[str, InstanceState], R]) -> Index[R]:
    """Return the index of all instances by id, or of those that are named, in that order; ``make`` makes the rows."""

    def after(position: Position, size: int) -> Operation[list[tuple[Position, str]]]:
        if named is not None:
            start = int(position or 0)
            return [(str(start + number), name) for number, name in enumerate(named[start : start + size], 1)]
        (found,) = yield [instances.page(position, size)]
        return [(name, name) for name in found]

    def fit(names: Sequence[str]) -> Operation[list[bool]]:
        answers: list[Any] = yield [
            call for name in names for call in (instances.read(name), instances.read_presence(name))
        ]
        return [
            wanted.fits(name, facts, presence)
            for name, facts, presence in zip(names, answers[::2], answers[1::2], strict=True)
        ]

    def load(names: Sequence[str]) -> Operation[list[R | None]]:
        calls = [instances.state(name) for name in names]
        now, *answers = yield [instances.server_time(), *(call for several in calls for call in several)]
        rows = []
        for name, several in zip(names, calls, strict=True):
            own, answers = answers[: len(several)], answers[len(several) :]
            state = InstanceState(now, *own)
            rows.append(make(name, state) if state.facts else None)
        return rows

    def total() -> Operation[int]:
        (count,) = yield [instances.total()]
        return int(count)

    return Index(after, load, total, fit if named is not None or not wanted.is_open else None)
