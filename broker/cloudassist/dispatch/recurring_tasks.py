"""Recurring tasks as dispatch knows them: read once, for what a task is does not change while it goes on."""

import json
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloudassist import ids
from cloudassist.dispatch.warrants import Covered, Warrants
from cloudassist.errors import MessageError
from cloudassist.orders import Payload, payload_hash
from cloudassist.settings import Settings
from cloudassist.store import invocations
from cloudassist.store.invocations import schema_of
from cloudassist.store.ledger import Ledger
from cloudassist.warrant import covers

log = logging.getLogger(__name__)

REMEMBERED_BYTES: Final = 64 * 2**20
"""Bytes of payloads that are remembered, the most: what is forgotten is read again."""
_ROW_BYTES: Final = 1_000
"""Bytes that are counted for a task besides its payload."""
_ID_BYTES: Final = 60
"""Bytes that are counted for each instance."""
_FIELDS: Final = (
    "command_id", "type", "content", "timeout", "parameters", "enable_parameter", "secret_names", "secrets",
    "working_dir", "username", "windows_password_name", "payload", "frequency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecurringTask:
    """One task: what the orders of its runs are made of."""

    covered: Covered
    schema: int
    command_id: str
    username: str
    timeout: int
    payload_key: str
    payload: bytes
    payload_hash: str
    has_secrets: bool

    @classmethod
    def of(cls, task_id: str, fields: Mapping[str, str], covered: Covered, region: str) -> "RecurringTask":
        """Build it from what the ledger holds; the payload is the same as that of the call which began the task.

        Raises MessageError (not-warranted) where it is not.
        """
        version = schema_of(fields)
        payload = Payload(
            invoke_id=task_id,
            command_id=fields["command_id"],
            type=fields["type"],
            content=fields["content"],
            timeout=int(fields["timeout"]),
            parameters=_clear(fields) if fields["enable_parameter"] == "1" else None,
            secrets=fields["secrets"],
            working_dir=fields["working_dir"],
            username=fields["username"],
            windows_password_name=fields["windows_password_name"],
            region=region,
        ).encode(version)
        covers(covered.warrant, payload_hash=payload_hash(payload))
        return cls(
            covered=covered,
            schema=version,
            command_id=fields["command_id"],
            username=fields["username"],
            timeout=int(fields["timeout"]),
            payload_key=fields["payload"],
            payload=payload,
            payload_hash=payload_hash(payload),
            has_secrets=bool(fields["secrets"]),
        )

    @property
    def instance_ids(self) -> Sequence[str]:
        """Return its instances."""
        return self.covered.instance_ids

    @property
    def size(self) -> int:
        """Return about how many bytes it takes to remember."""
        return len(self.payload) + _ID_BYTES * len(self.instance_ids) + _ROW_BYTES


class RecurringTasks:
    """Those that were asked for lately. For one thread at a time."""

    def __init__(self, ledger: Ledger, settings: Settings, warrants: Warrants) -> None:
        self._ledger = ledger
        self._warrants = warrants
        self._keys_version = 0
        self._region = settings.region
        self._known: OrderedDict[str, RecurringTask] = OrderedDict()
        self._bytes = 0

    def of(self, occurrences: Sequence[str]) -> dict[str, RecurringTask]:
        """Return the tasks of occurrences by their ids; those that are gone, or not warranted, are left out."""
        if (version := self._warrants.keys_version) != self._keys_version:
            # What was verified by another key set may not count any more.
            self._keys_version = version
            self._known.clear()
            self._bytes = 0
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
        covered = self._warrants.of(names)
        answers = self._ledger.run([invocations.read_fields(name, *_FIELDS, "schema") for name in covered])
        for (name, found), fields in zip(covered.items(), answers, strict=True):
            if not fields.keys() >= set(_FIELDS):
                continue
            try:
                task = RecurringTask.of(name, fields, found, self._region)
            except MessageError as error:
                log.error("%s is not run: %s", name, error)
            else:
                self._known[name] = task
                self._bytes += task.size


def _clear(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the values that are not secret."""
    secret = json.loads(fields["secret_names"])
    return {name: value for name, value in json.loads(fields["parameters"]).items() if name not in secret}
