"""What an instance has to say: reports about records, who it is, and how its agent is.

All of it travels as JSON on the ``reports`` queue, with the MAC of the body's bytes in the message's headers. Times are
milliseconds of the server's clock, which an agent learns with each claim.
"""

from cloudassist import fields, limits, schema
from cloudassist.errors import MessageError
from cloudassist.messages.client_status import ClientState, ClientStatus
from cloudassist.messages.kind import MAC_HEADER, Kind
from cloudassist.messages.registration import Registration
from cloudassist.messages.report import FINAL_SEQUENCE, Report, with_output

__all__ = [
    "FINAL_SEQUENCE", "MAC_HEADER",
    "ClientState", "ClientStatus", "Kind", "Message", "Registration", "Report", "decode", "with_output",
]  # fmt: skip

Message = Report | Registration | ClientStatus


def decode(body: str | bytes) -> Message:
    """Read the body of a message on ``reports``; raises MessageError."""
    source = fields.parse_object(body, limit=limits.MESSAGE_BYTES)
    if source.get("kind") == Kind.REGISTER:
        # Of every schema, so that an instance that cannot be understood is at least known.
        return Registration.decode(source)
    schema.check(source.get("v"))
    if source.get("kind") == Kind.CLIENT:
        return ClientStatus.decode(source)
    report = Report.decode(source)
    if source.get("kind") != report.kind:
        raise MessageError("bad-field", "kind does not go with status")
    return report
