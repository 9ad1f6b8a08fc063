"""Orders: what a producer asks of one instance, signed, and checked before anything of it is believed.

An order travels as an envelope of its purpose, so that a signed run can never be read as a stop. The script is not in
it: a run names the key under which the payload is stored once for all instances, and the hash of its bytes.

Times are milliseconds of the server's clock. ``start_by`` is the last moment at which the script may start; an order
is worth reading until ``expires``, so that an instance can still tell what became of a record.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from cloudassist import envelope, fields, ids, schema
from cloudassist.envelope import Envelope
from cloudassist.errors import MessageError
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet
from cloudassist.schema import CURRENT
from cloudassist.secret_values import SEALED_CHARACTERS

ORDER_BYTES: Final = 1_024
"""Bytes of an order's JSON, the most (about 150 are used)."""
RECORD_ID_CHARACTERS: Final = 160
"""Characters of a record's id, the most (invocation, due time and instance)."""
PAYLOAD_BYTES: Final = 192 * 1024
"""Bytes of a stored payload's JSON, the most (16 KB of Base64 each for script and parameters, escaped at worst)."""
EXPIRY_MARGIN_MS: Final = 10 * 60 * 1000
"""Milliseconds that an order stays readable beyond what its script may take, so that its fate can still be told."""


class Purpose(StrEnum):
    """What an order asks for; part of what is signed."""

    RUN = "run"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Order:
    """One order to one instance about one record; the record's id names the instance.

    ``epoch`` counts the instance's enrolments: an order for an earlier one is void. ``payload_key`` and
    ``payload_hash`` (SHA-256 in Base64) are empty in a stop; ``sealed`` is the key of the run's secret values, sealed
    to the instance's (empty: there are none); ``schema`` is the version that the instance can read.
    """

    purpose: Purpose
    record_id: str
    epoch: int
    expires: int
    start_by: int = 0
    payload_key: str = ""
    payload_hash: str = ""
    sealed: str = ""
    schema: int = CURRENT

    @property
    def invoke_id(self) -> str:
        """Return the run that the record belongs to."""
        return ids.split_record_id(self.record_id)[0]

    @property
    def instance_id(self) -> str:
        """Return whom the order is for."""
        return ids.split_record_id(self.record_id)[1]

    def seal(self, key: SigningKey) -> Envelope:
        """Return the signed envelope."""
        content = [getattr(self, name) for name in _SIGNED[self.schema]]
        return envelope.seal(self.purpose, content, key, self.schema)

    @classmethod
    def open(cls, purpose: Purpose, sealed: object, keys: KeySet, now: int) -> Self:
        """Verify an envelope's bytes with the keys that count ``now`` (ms), then read it; raises MessageError."""
        source = envelope.open_envelope(purpose, sealed, keys, now, names=_SIGNED, most=ORDER_BYTES)
        order = cls(
            purpose,
            record_id=fields.text(source, "record_id", most=RECORD_ID_CHARACTERS),
            epoch=fields.integer(source, "epoch", least=0, most=fields.MAXIMUM_MS),
            expires=fields.integer(source, "expires", least=0, most=fields.MAXIMUM_MS),
            start_by=fields.integer(source, "start_by", least=0, most=fields.MAXIMUM_MS),
            payload_key=fields.text(source, "payload_key", most=128),
            payload_hash=fields.text(source, "payload_hash", most=64),
            sealed=fields.text(source, "sealed", most=SEALED_CHARACTERS, default=""),
        )
        ids.split_record_id(order.record_id)
        return order


_FIRST: Final = ("record_id", "epoch", "expires", "start_by", "payload_key", "payload_hash")
_SIGNED: Final = {1: _FIRST, 2: (*_FIRST, "sealed")}
"""The fields of an order as they stand in the signed array, behind the schema, by that."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What the instances of one invocation have in common: the script and how to run it.

    ``timeout`` is in seconds; ``parameters`` is None where the command has none and the text is to be taken as it
    stands; ``secrets`` are those that are encrypted (empty: none); empty ``working_dir`` and ``username`` mean the
    agent's defaults. ``windows_password_name`` names what is looked up on a Windows host.
    """

    invoke_id: str
    command_id: str
    type: str
    content: str = field(repr=False)
    timeout: int
    parameters: dict[str, str] | None = field(default=None, repr=False)
    secrets: str = field(default="", repr=False)
    working_dir: str = ""
    username: str = ""
    windows_password_name: str = ""
    region: str = ""

    def encode(self, version: int = CURRENT) -> bytes:
        """Return the bytes that are stored and whose hash the orders carry, as this version writes them."""
        names = [name for name in self.__slots__ if version >= _SINCE.get(name, schema.OLDEST)]
        content: dict[str, Any] = {"v": version, **{name: getattr(self, name) for name in names}}
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes, expected_hash: str) -> Self:
        """Check the hash, then read the payload; raises MessageError."""
        if payload_hash(data) != expected_hash:
            raise MessageError("bad-payload-hash")
        source = fields.parse_object(data, limit=PAYLOAD_BYTES)
        version = schema.check(source.get("v"))
        parameters = None
        if source.get("parameters") is not None:
            parameters = fields.texts(source, "parameters", count=1_000, most=PAYLOAD_BYTES)
        return cls(
            parameters=parameters,
            timeout=fields.integer(source, "timeout", least=1, most=fields.MAXIMUM_MS),
            **{
                name: fields.text(source, name, most=PAYLOAD_BYTES)
                for name in cls.__slots__
                if name not in {"parameters", "timeout"} and version >= _SINCE.get(name, schema.OLDEST)
            },
        )


_SINCE: Final = {"secrets": 2, "windows_password_name": 2}
"""The schema from which on a payload has these fields."""


def expiry(start_by: int, now: int, run_seconds: float) -> int:
    """Return until when an order signed now is worth reading: past everything that its script may take.

    ``run_seconds`` is the timeout and the grace after it. Starting is bounded by ``start_by`` alone.
    """
    return max(start_by, now) + int(1000 * run_seconds) + EXPIRY_MARGIN_MS


def payload_hash(data: bytes) -> str:
    """Return the SHA-256 that orders carry, in Base64."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
