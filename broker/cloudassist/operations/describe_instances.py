"""DescribeInstances: who is registered, and how each stands (API a.12, a.17)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudassist.models.instance import Instance
from cloudassist.operations import arguments, listing, targets
from cloudassist.operations.filters import Filter
from cloudassist.operations.listing import Index, Listing, Position
from cloudassist.operations.steps import Context, Operation
from cloudassist.store import instances


def describe_instances(
    context: Context,
    instance_ids: Sequence[str] | None = None,
    *,
    instance_name: str | None = None,
    os_type: str | None = None,
    agent_version: str | None = None,
    online: bool | None = None,
    tags: Mapping[str, str] | None = None,
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
) -> Operation[Listing[Instance]]:
    """Return a page of the registered instances, in the order of their ids (API a.17).

    ``instance_name`` may have ``*`` for any text; ``tags`` must all be carried. With ``instance_ids`` (at most 50)
    those of them that are registered are returned, in the order in which they were named.
    """
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    named = None
    if instance_ids is not None:
        named = arguments.instance_ids(instance_ids, context.settings.page_size_maximum)
    chosen = _Chosen(
        Filter.of({"os_type": os_type, "agent_version": agent_version}, {"instance_name": instance_name}),
        None if online is None else arguments.flag("online", online),
        None if tags is None else targets.tags(tags),
    )
    filters = {
        "ids": named,
        "name": instance_name,
        "os": os_type,
        "agent": agent_version,
        "online": online,
        "tags": chosen.tags,
    }
    return (yield from listing.page("instances", filters, wanted, _index(named, chosen)))


@dataclass(frozen=True, slots=True)
class _Chosen:
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
            and self.fields.fits({**facts, "instance_name": instance_id})
            and self.online in {None, presence is not None}
            and (self.tags is None or targets.carries(facts.get("tags", ""), self.tags))
        )


def _index(named: Sequence[str] | None, wanted: _Chosen) -> Index[Instance]:
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

    def load(names: Sequence[str]) -> Operation[list[Instance | None]]:
        answers: list[Any] = yield [
            call
            for name in names
            for call in (instances.read(name), instances.read_presence(name), instances.read_open(name))
        ]
        return [
            Instance.of(name, *answers[3 * number : 3 * number + 3]) if answers[3 * number] else None
            for number, name in enumerate(names)
        ]

    def total() -> Operation[int]:
        (count,) = yield [instances.total()]
        return int(count)

    return Index(after, load, total, fit if named is not None or not wanted.is_open else None)
