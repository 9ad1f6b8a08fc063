"""Where a host is, as a caller writes it: ``web-1=deploy@10.0.0.7:2222``."""

import re
from dataclasses import dataclass
from typing import Final, Self

from cloudassist import topology
from cloudassist.errors import InvalidParameterError

PORT: Final = 22
_WRITTEN: Final = re.compile(
    r"(?:(?P<name>[^=]+)=)?(?:(?P<user>[^@\s]+)@)?(?P<host>[^@\s:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Destination:
    """A host and its SSH port; ``user`` logs in, ``name`` is what its instance is to be called; both may be empty."""

    host: str
    port: int = PORT
    user: str = ""
    name: str = ""

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``[NAME=][USER@]HOST[:PORT]``; raises InvalidParameterError."""
        found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if found is None or not 0 < int(found["port"] or PORT) < 2**16:
            raise InvalidParameterError(
                "InvalidParameter.Host", f"a host is [NAME=][USER@]HOST[:PORT], its port 1 to 65535; it is {text!r}"
            )
        if found["name"]:
            topology.check_instance_id(found["name"])
        host = found["host"].strip("[]")
        if host.startswith("-"):
            raise InvalidParameterError("InvalidParameter.Host", f"no host's name begins with a hyphen: {host!r}")
        return cls(host, int(found["port"] or PORT), found["user"] or "", found["name"] or "")

    def __str__(self) -> str:
        """Return it as a caller writes it, without the name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{self.user}@" if self.user else "") + host + ("" if self.port == PORT else f":{self.port}")
