"""What a producer asks of the worker that brings instances in and lets them go: a petition, and its answer.

Producers may not make users of the server, nor write who an instance is. They say what is to be done in a message; the
worker does it, and leaves the answer under the petition's own name.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from cloudassist import fields
from cloudassist.enrolment import is_token
from cloudassist.errors import MessageError

PETITION_BYTES: Final = 32 * 1024
"""Bytes of a petition, the most."""
ANSWER_MS: Final = 60_000
"""Milliseconds that an answer is kept."""

_ACT_FIELDS: Final = 10
"""Fields and values of the entry in the audit trail."""
_CHARACTERS: Final = 16 * 1024
_ENTRIES: Final = 32


class Wish(StrEnum):
    """What can be asked for."""

    CREATE_ACTIVATION = "CreateActivation"
    DISABLE_ACTIVATION = "DisableActivation"
    DELETE_ACTIVATION = "DeleteActivation"
    MODIFY_INSTANCE = "ModifyManagedInstance"
    DEREGISTER_INSTANCE = "DeregisterManagedInstance"


@dataclass(frozen=True, slots=True)
class Petition:
    """One of them. ``subject`` is the id of the activation or of the instance; ``act`` goes into the audit trail."""

    token: str
    wish: Wish
    subject: str
    act: str
    values: dict[str, str] = field(default_factory=dict)

    def encode(self) -> str:
        """Return the text."""
        return json.dumps([self.token, self.wish, self.subject, self.act, self.values])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a petition; raises MessageError."""
        match fields.parse_array(data, limit=PETITION_BYTES):
            case [str() as token, str() as wish, str() as subject, str() as act, dict() as values]:
                pass
            case _:
                raise MessageError("bad-petition")
        entry = fields.parse_array(act, limit=PETITION_BYTES)
        if not is_token(token) or len(entry) != _ACT_FIELDS or not all(isinstance(part, str) for part in entry):
            raise MessageError("bad-petition", "token or act")
        texts = fields.texts({"values": values}, "values", count=_ENTRIES, most=_CHARACTERS)
        try:
            return cls(token, Wish(wish), subject, act, texts)
        except ValueError:
            raise MessageError("bad-petition", "wish") from None


def encode_answer(verdict: list[Any]) -> str:
    """Return the text of an answer."""
    return json.dumps(verdict)


def decode_answer(data: bytes) -> list[Any]:
    """Read an answer; raises MessageError."""
    return fields.parse_array(data, limit=PETITION_BYTES)
