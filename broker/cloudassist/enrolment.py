"""The exchange by which a machine becomes an instance: its signed request, and what it is answered.

A request is ``[activation id, signature, payload]``: the payload is a JSON object, signed under the activation's key,
so that the code itself is never sent. It names a token that is good for one request and cannot be guessed, and by when
it must have been read, on the server's clock. The answer lies under a name that has the token in it; the password in
it is sealed to the key of the machine that asked.
"""

import base64
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from cloudassist import fields, limits, topology
from cloudassist.activation import is_activation_id
from cloudassist.errors import MessageError
from cloudassist.keyring import SIGNATURE_BYTES, SigningKey, decode_public_key, verify

REQUEST_BYTES: Final = 4 * 1024
"""Bytes of a request, the most."""
ANSWER_BYTES: Final = 16 * 1024
"""Bytes of an answer, the most."""
REQUEST_SECONDS: Final = 60
"""Seconds in which a request must have been read: it is void afterwards, and cannot be made again before."""
TOKEN_CHARACTERS: Final = 32
"""Hexadecimal digits of a token."""

_DOMAIN: Final = b"cloudassist/enrol/v1\0"
_VERSION: Final = 1
_SEALED_CHARACTERS: Final = 512
_TEXTS: Final = {"token": TOKEN_CHARACTERS, "public_key": 64, "name": 255, "hostname": 255, "machine_id": 36}
"""The texts of a request, with their characters, the most (machine id: api a.17)."""


class Cause(StrEnum):
    """Why a machine is not enrolled; as codes, so that programs can tell."""

    NO_ACTIVATION = "InvalidActivation.NotFound"
    DISABLED = "InvalidActivation.Disabled"
    EXPIRED = "InvalidActivation.Expired"
    USED_UP = "InvalidActivation.UsedUp"
    NAME_TAKEN = "InvalidInstanceName.Taken"
    NAME_REFUSED = "InvalidInstanceName.NotAllowed"
    OTHER_MACHINE = "InvalidMachine.NotMatched"


MEANINGS: Final = {
    Cause.NO_ACTIVATION: "there is no such activation; it may have been deleted",
    Cause.DISABLED: "the activation was disabled",
    Cause.EXPIRED: "the activation has expired",
    Cause.USED_UP: "the activation is used up: as many machines as it was made for have been enrolled with it",
    Cause.NAME_TAKEN: (
        "another machine is enrolled by this name; give another one, or have that one deregistered first "
        "(assist instances deregister)"
    ),
    Cause.NAME_REFUSED: "the activation does not allow this name, or it cannot name an instance; see --name",
    Cause.OTHER_MACHINE: "the key of this machine was enrolled on another one: it looks like a copy of that",
}
"""What a machine is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRequest:
    """What a machine asks: to be known by this public key, and called ``name`` (empty: as the activation says).

    ``expires`` is in milliseconds of the server's clock.
    """

    token: str
    expires: int
    public_key: str
    name: str = ""
    hostname: str = ""
    machine_id: str = ""

    def seal(self, activation_id: str, key: SigningKey) -> str:
        """Return the signed document."""
        content = {"v": _VERSION, **{name: getattr(self, name) for name in self.__slots__}}
        payload = json.dumps(content, separators=(",", ":"))
        signature = key.sign(_tagged(activation_id, payload.encode()))
        return json.dumps([activation_id, base64.b64encode(signature).decode(), payload], separators=(",", ":"))

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a payload whose signature was verified; raises MessageError."""
        source = fields.parse_object(payload, limit=REQUEST_BYTES)
        if source.get("v") != _VERSION:
            raise MessageError("unknown-schema", str(source.get("v"))[:20])
        texts = {name: fields.text(source, name, most=most) for name, most in _TEXTS.items()}
        if not is_token(texts["token"]):
            raise MessageError("bad-field", "token")
        decode_public_key(texts["public_key"])
        return cls(expires=fields.integer(source, "expires", least=0, most=fields.MAXIMUM_MS), **texts)


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """A request that was not verified yet: whose key it must be signed under, and its bytes."""

    activation_id: str
    signature: bytes
    payload: bytes

    @classmethod
    def parse(cls, document: bytes) -> Self:
        """Take a document apart; raises MessageError."""
        match fields.parse_array(document, limit=REQUEST_BYTES):
            case [str() as activation_id, str() as signature, str() as payload] if is_activation_id(activation_id):
                pass
            case _:
                raise MessageError("bad-envelope")
        try:
            raw, data = base64.b64decode(signature, validate=True), payload.encode()
        except ValueError:
            raise MessageError("bad-envelope") from None
        if len(raw) != SIGNATURE_BYTES:
            raise MessageError("bad-envelope", f"a signature of {len(raw)} bytes")
        return cls(activation_id, raw, data)

    def open(self, verifier: str) -> EnrolmentRequest:
        """Verify it by the public half of the activation's key, then read it; raises MessageError."""
        verify(decode_public_key(verifier), self.signature, _tagged(self.activation_id, self.payload))
        return EnrolmentRequest.decode(self.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """The answer to a machine that is an instance now: its id, which enrolment of it this is, its sealed password.

    ``remote_control`` tells whether its user may answer Celery's remote control.
    """

    instance_id: str
    epoch: int
    password: str
    tags: dict[str, str] = field(default_factory=dict)
    remote_control: bool = False


Answer = Enrolled | Cause


def encode_answer(answer: Answer) -> str:
    """Return the text of an answer."""
    if isinstance(answer, Cause):
        return json.dumps({"v": _VERSION, "refused": answer.value})
    return json.dumps({"v": _VERSION, **{name: getattr(answer, name) for name in answer.__slots__}})


def decode_answer(data: bytes) -> Answer:
    """Read an answer; raises MessageError."""
    source = fields.parse_object(data, limit=ANSWER_BYTES)
    if source.get("v") != _VERSION:
        raise MessageError("unknown-schema", str(source.get("v"))[:20])
    if "refused" in source:
        return _cause(fields.text(source, "refused", most=64))
    instance_id = fields.text(source, "instance_id", most=64)
    if not topology.is_instance_id(instance_id):
        raise MessageError("bad-field", "instance_id")
    return Enrolled(
        instance_id=instance_id,
        epoch=fields.integer(source, "epoch", least=0, most=fields.MAXIMUM_MS),
        password=fields.text(source, "password", most=_SEALED_CHARACTERS),
        tags=fields.texts(source, "tags", count=limits.TAG_COUNT, most=limits.TAG_VALUE_CHARACTERS),
        remote_control=source.get("remote_control") is True,
    )


def is_token(value: object) -> bool:
    """Tell whether this may be a token: it becomes part of the name of a key."""
    return isinstance(value, str) and len(value) == TOKEN_CHARACTERS and set(value) <= set("0123456789abcdef")


def _cause(value: str) -> Cause:
    try:
        return Cause(value)
    except ValueError:
        raise MessageError("unknown-cause", value) from None


def _tagged(activation_id: str, payload: bytes) -> bytes:
    return _DOMAIN + activation_id.encode() + b"\0" + payload
