"""Recurring tasks as dispatch knows them: read once, for what a task is does not change while it goes on."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import ids
from cloudassist.orders import Payload, payload_hash
from cloudassist.settings import Settings
from cloudassist.store import invocations, schedules
from cloudassist.store.call import Call
from cloudassist.store.ledger import Ledger

REMEMBERED_BYTES: Final = 64 * 2**20
"""Bytes of payloads that are remembered, the most: what is forgotten is read again."""
_ROW_BYTES: Final = 1_000
"""Bytes that are counted for a task besides its payload."""
_FIELDS: Final = (
    "command_id", "type", "content", "timeout", "parameters", "enable_parameter", "working_dir", "username", "payload",
    "frequency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecurringTask:
    """One task: what the orders of its runs are made of. ``instance_ids`` are those of a first chunk, and one more."""

    command_id: str
    username: str
    timeout: int
    payload_key: str
    payload: bytes
    payload_hash: str
    instance_ids: Sequence[str]

    @classmethod
    def of(cls, task_id: str, fields: Mapping[str, str], instance_ids: Sequence[str], region: str) -> "RecurringTask":
        """Build it from what the ledger holds; the payload is the same as that of the call which began the task."""
        payload = Payload(
            invoke_id=task_id,
            command_id=fields["command_id"],
            type=fields["type"],
            content=fields["content"],
            timeout=int(fields["timeout"]),
            parameters=json.loads(fields["parameters"]) if fields["enable_parameter"] == "1" else None,
            working_dir=fields["working_dir"],
            username=fields["username"],
            region=region,
        ).encode()
        return cls(
            command_id=fields["command_id"],
            username=fields["username"],
            timeout=int(fields["timeout"]),
            payload_key=fields["payload"],
            payload=payload,
            payload_hash=payload_hash(payload),
            instance_ids=instance_ids,
        )

    @property
    def size(self) -> int:
        """Return about how many bytes it takes to remember."""
        return len(self.payload) + sum(map(len, self.instance_ids)) + _ROW_BYTES


class RecurringTasks:
    """Those that were asked for lately. For one thread at a time."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._region = settings.region
        self._known: OrderedDict[str, RecurringTask] = OrderedDict()
        self._bytes = 0

    def of(self, occurrences: Sequence[str]) -> dict[str, RecurringTask]:
        """Return the tasks of occurrences by their ids; those that are gone are left out."""
        names = list(dict.fromkeys(map(ids.task_of, occurrences)))
        self._learn([name for name in names if name not in self._known])
        found = {name: self._known[name] for name in names if name in self._known}
        for name in found:
            self._known.move_to_end(name)
        while self._bytes > REMEMBERED_BYTES:
            _, task = self._known.popitem(last=False)
            self._bytes -= task.size
        return found

    def _learn(self, names: Sequence[str]) -> None:
        calls: list[Call[Any]] = []
        for name in names:
            calls += (
                invocations.read_fields(name, *_FIELDS),
                invocations.page_targets(name, 0, schedules.PLAN_CHUNK + 1),
            )
        answers = self._ledger.run(calls)
        for name, found, instance_ids in zip(names, answers[::2], answers[1::2], strict=True):
            if instance_ids and len(found) == len(_FIELDS):
                self._known[name] = task = RecurringTask.of(name, found, instance_ids, self._region)
                self._bytes += task.size
