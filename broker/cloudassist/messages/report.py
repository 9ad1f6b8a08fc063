"""What became of one record."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final, Self

from cloudassist import fields, limits, schema
from cloudassist.errors import MessageError
from cloudassist.fields import JsonObject
from cloudassist.messages.kind import Kind, instance_id
from cloudassist.orders import RECORD_ID_CHARACTERS
from cloudassist.status import TERMINAL, InvocationStatus

FINAL_SEQUENCE: Final = 2**31
"""Sequence number of a record's last report, above all others, so that it can be repeated after a restart."""

_NO_OUTPUT: Final = '"output":""'
_REPORTED: Final = {status.value: status for status in (InvocationStatus.RUNNING, *TERMINAL)}


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one record so far.

    ``sequence`` grows with each report of a record; one that is not above the last applied is ignored. ``output`` is
    what was kept of the script's output, ``dropped`` the bytes that were not; ``ended`` the number of processes that a
    stop or a timeout had to end, ``killed`` those of them that did not obey. While a script runs, ``output`` is a part
    of what it has written, whose first byte is the one at ``position``.
    """

    instance_id: str
    record_id: str
    sequence: int
    status: InvocationStatus
    start_time: int | None = None
    finish_time: int | None = None
    exit_code: int | None = None
    error_code: str = ""
    error_info: str = ""
    output: bytes = b""
    dropped: int = 0
    ended: int = 0
    killed: int = 0
    position: int = 0

    @property
    def kind(self) -> Kind:
        """Tell what it is about."""
        if self.status in TERMINAL:
            return Kind.ENDED
        return Kind.OUTPUT if self.output else Kind.STARTED

    def encode(self) -> str:
        """Return the body."""
        content: dict[str, Any] = {
            "v": schema.CURRENT,
            "kind": self.kind,
            "instance": self.instance_id,
            "record": self.record_id,
            "sequence": self.sequence,
            "status": self.status,
            "start_time": self.start_time,
        }
        if self.kind is Kind.OUTPUT:
            content |= {"position": self.position, "output": base64.b64encode(self.output).decode()}
        if self.kind is Kind.ENDED:
            content |= {
                "finish_time": self.finish_time,
                "exit_code": self.exit_code,
                "error_code": self.error_code,
                "error_info": self.error_info[: limits.ERROR_INFO_CHARACTERS],
                "output": base64.b64encode(self.output).decode(),
                "dropped": self.dropped,
                "ended": self.ended,
                "killed": self.killed,
            }
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def decode(cls, source: JsonObject) -> Self:
        """Read the body's fields; raises MessageError."""
        return cls(
            instance_id=instance_id(source),
            record_id=fields.text(source, "record", most=RECORD_ID_CHARACTERS),
            sequence=fields.integer(source, "sequence", least=1, most=FINAL_SEQUENCE),
            status=_status(source),
            start_time=fields.optional_integer(source, "start_time", least=0, most=fields.MAXIMUM_MS),
            finish_time=fields.optional_integer(source, "finish_time", least=0, most=fields.MAXIMUM_MS),
            exit_code=fields.optional_integer(source, "exit_code", least=-(2**31), most=2**32),
            error_code=fields.text(source, "error_code", most=64, default=""),
            error_info=fields.text(source, "error_info", most=limits.ERROR_INFO_CHARACTERS, default=""),
            output=_bytes(source, "output"),
            dropped=fields.integer(source, "dropped", least=0, most=fields.MAXIMUM_MS, default=0),
            ended=fields.integer(source, "ended", least=0, most=fields.MAXIMUM_MS, default=0),
            killed=fields.integer(source, "killed", least=0, most=fields.MAXIMUM_MS, default=0),
            position=fields.integer(source, "position", least=0, most=fields.MAXIMUM_MS, default=0),
        )


def with_output(body: str, output: bytes | None) -> str:
    """Return the body of a report that was encoded without its output, with it."""
    # Quotes within a text would be escaped, so this is the field and nothing else.
    return body.replace(_NO_OUTPUT, f'"output":"{base64.b64encode(output).decode()}"', 1) if output else body


def _status(source: JsonObject) -> InvocationStatus:
    value = fields.text(source, "status", most=32)
    status = _REPORTED.get(value)
    if status is None:
        raise MessageError("bad-field", f"status is {value!r}")
    return status


def _bytes(source: JsonObject, name: str) -> bytes:
    try:
        return base64.b64decode(fields.text(source, name, most=limits.MESSAGE_BYTES, default=""), validate=True)
    except (binascii.Error, ValueError):
        raise MessageError("bad-field", f"{name} is not Base64") from None
