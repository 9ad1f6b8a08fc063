"""What dispatch may sign: what a producer's warrant covers, whatever else stands in the ledger.

Dispatch holds a key, so that what it reads decides what runs: everybody who can write to the server could have a script
of his own signed by writing a run, or by adding an instance to one.
"""

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final

from cloudassist import expressions, ids
from cloudassist.errors import MessageError, ServiceUnavailableError
from cloudassist.expressions import Fault
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet, Root
from cloudassist.store import instances, invocations, key_set
from cloudassist.store.ledger import Ledger
from cloudassist.warrant import Warrant, covers, digest

log = logging.getLogger(__name__)

KEYS_SECONDS: Final = 5.0
"""Seconds after which the key set is looked at again: a key that is revoked counts so long."""
REMEMBERED: Final = 1_000_000
"""Instances of runs that are remembered, the most: what is forgotten is read again."""
LATE_MS: Final = 60_000
"""Milliseconds by which planning may take longer than a moment may be late: many instances, a long queue."""


@dataclass(frozen=True, slots=True)
class Covered:
    """A run whose warrant is genuine, with its instances."""

    warrant: Warrant
    instance_ids: Sequence[str]
    names: frozenset[str]

    def check_record(self, instance_id: str, run: str, payload_hash: str, start_by: int, window_ms: int) -> None:
        """Raise MessageError (not-warranted) unless an order for a record of this run is covered."""
        covers(self.warrant, payload_hash=payload_hash)
        if instance_id not in self.names:
            raise MessageError("not-warranted", f"{run}: not on {instance_id}")
        latest = self.warrant.start_by
        if self.warrant.frequency:
            moment = ids.moment_of(run)
            if not self.has_moment(moment):
                raise MessageError("not-warranted", f"{run}: its task has no such moment")
            latest = moment + self.warrant.grace_ms + LATE_MS + window_ms
        if start_by > latest:
            raise MessageError("not-warranted", f"{run}: to be started by {start_by}")

    def has_moment(self, moment: int) -> bool:
        """Tell whether this is a moment (ms) of a recurring task."""
        warrant = self.warrant
        return _is_moment(moment, warrant.frequency, warrant.time_zone, warrant.creation_time)


class Warrants:
    """Reads and verifies warrants; safe to share between threads. ``root`` is that of the region's key set."""

    def __init__(self, ledger: Ledger, key: SigningKey, root: Root) -> None:
        self._ledger = ledger
        self._key = key
        self._root = root
        self._keys: KeySet | None = None
        self._keys_until = 0.0
        self._known: OrderedDict[str, Covered] = OrderedDict()
        self._count = 0
        self._lock = Lock()

    @property
    def keys_version(self) -> int:
        """Return the version of the key set by which was verified what is known; raises ServiceUnavailableError."""
        with self._lock:
            return self._look_at_keys().version

    def of(self, invoke_ids: Iterable[str]) -> dict[str, Covered]:
        """Return the runs, made once or recurring, whose warrants are genuine; the others are logged and left out.

        Raises ServiceUnavailableError where there is no key set to verify with.
        """
        with self._lock:
            keys = self._look_at_keys()
            wanted = list(dict.fromkeys(invoke_ids))
            self._learn([name for name in wanted if name not in self._known], keys)
            found = {name: self._known[name] for name in wanted if name in self._known}
            for name in found:
                self._known.move_to_end(name)
            while self._count > REMEMBERED and len(self._known) > len(found):
                _, covered = self._known.popitem(last=False)
                self._count -= len(covered.instance_ids)
            return found

    def _learn(self, names: Sequence[str], keys: KeySet) -> None:
        if not names:
            return
        now = self._ledger.call(instances.server_time())
        texts = self._ledger.run([invocations.read_fields(name, "warrant") for name in names])
        listed = self._ledger.run([invocations.page_targets(name, 0, 0) for name in names])
        for name, fields, instance_ids in zip(names, texts, listed, strict=True):
            try:
                sealed = fields.get("warrant", "")
                warrant = Warrant.open(sealed, keys, now)
                covers(warrant, invoke_id=name, targets=digest(instance_ids))
            except MessageError as error:
                log.error("%s has no warrant, and nothing of it is signed: %s", name, error)
                continue
            self._known[name] = Covered(warrant, instance_ids, frozenset(instance_ids))
            self._count += len(instance_ids)
            if warrant.frequency and _is_newer(self._key.kid, json.loads(sealed)[0], keys):
                # The key under which it was ordered will be taken out of use before long.
                self._ledger.call(invocations.write_warrant(name, warrant.seal(self._key)))

    def _look_at_keys(self) -> KeySet:
        """Return the key set; what was verified by an older one is forgotten."""
        if self._keys is None or time.monotonic() >= self._keys_until:
            document = self._ledger.call(key_set.read())
            try:
                found = KeySet.open(document or b"", self._root)
            except MessageError as error:
                if self._keys is None:
                    raise ServiceUnavailableError(f"there is no key set to verify warrants with: {error}") from None
                log.error("the key set on the server is not believed: %s", error)
                found = self._keys
            if self._keys is None or found.version > self._keys.version:
                self._keys = found
                self._known.clear()
                self._count = 0
            self._keys_until = time.monotonic() + KEYS_SECONDS
        return self._keys


@lru_cache(maxsize=20_000)
def _is_moment(moment: int, frequency: str, zone: str, anchor: int) -> bool:
    """Tell whether an expression has this moment. It is asked ahead, and again when the moment comes."""
    try:
        return expressions.parse(frequency, zone).after(moment - 1, anchor) == moment
    except Fault:
        # Not one that any producer of ours would sign.
        return False


def _is_newer(kid: str, other: str, keys: KeySet) -> bool:
    """Tell whether a key was added to the key set after another one."""
    order = [key.kid for key in keys.signing]
    return kid in order and order.index(kid) > order.index(other)
