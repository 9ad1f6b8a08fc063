"""Warrants: what a producer has signed of a run as a whole, kept with it in the ledger.

Orders are signed for one record each and are not kept. What dispatch signs later, an order that is sent again or the
runs of a recurring task, it builds from the ledger, where whoever writes to the server could put anything. So it signs
only what a warrant covers: this script, on these instances, by then, at these moments.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from cloudassist import envelope, expressions, schema
from cloudassist.errors import MessageError
from cloudassist.fields import MAXIMUM_MS, integer, parse_array, text
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet

WARRANT_BYTES: Final = 4 * 1024
"""Bytes of a warrant's text, the most (about 400 are used)."""

_DOMAIN: Final = "warrant"


@dataclass(frozen=True, slots=True)
class Warrant:
    """What may be ordered for one run.

    ``targets`` is the digest of its instances. A run that is made once has ``start_by`` (ms); one that recurs has what
    its moments follow from instead: ``frequency``, ``time_zone``, ``creation_time`` and how late one may be (both ms).
    """

    invoke_id: str
    payload_hash: str
    targets: str
    start_by: int
    frequency: str
    time_zone: str
    creation_time: int
    grace_ms: int

    def seal(self, key: SigningKey) -> str:
        """Return the signed text."""
        content = [getattr(self, name) for name in self.__slots__]
        return json.dumps(envelope.seal(_DOMAIN, content, key), separators=(",", ":"))

    @classmethod
    def open(cls, sealed: str, keys: KeySet, now: int) -> Self:
        """Verify a signed text with the keys that count ``now`` (ms), then read it; raises MessageError."""
        found = parse_array(sealed, limit=WARRANT_BYTES)
        source = envelope.open_envelope(_DOMAIN, found, keys, now, names=_NAMES, most=WARRANT_BYTES)
        return cls(
            invoke_id=text(source, "invoke_id", most=64),
            payload_hash=text(source, "payload_hash", most=64),
            targets=text(source, "targets", most=64),
            start_by=integer(source, "start_by", least=0, most=MAXIMUM_MS),
            frequency=text(source, "frequency", most=expressions.CHARACTERS),
            time_zone=text(source, "time_zone", most=64),
            creation_time=integer(source, "creation_time", least=0, most=MAXIMUM_MS),
            grace_ms=integer(source, "grace_ms", least=0, most=MAXIMUM_MS),
        )


_NAMES: Final = dict.fromkeys(range(schema.OLDEST, schema.CURRENT + 1), Warrant.__slots__)


def digest(instance_ids: Iterable[str]) -> str:
    """Return the digest of the instances of a run, in their order."""
    return hashlib.sha256("\n".join(instance_ids).encode()).hexdigest()


def covers(warrant: Warrant, **wanted: str | int) -> None:
    """Raise MessageError (not-warranted) unless the warrant says the same of each of these."""
    for name, value in wanted.items():
        if getattr(warrant, name) != value:
            raise MessageError("not-warranted", f"{warrant.invoke_id}: another {name}")
