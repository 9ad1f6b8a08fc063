"""``at(yyyy-MM-dd HH:mm:ss [zone])``: once."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from cloudassist.expressions import zones
from cloudassist.expressions.expression import Expression
from cloudassist.expressions.fault import Fault

_CONTENT: Final = re.compile(r"\s*(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})(?:\s+(\S+))?\s*")


@dataclass(frozen=True, slots=True)
class At(Expression):
    """One moment (ms)."""

    moment: int
    text: str

    @classmethod
    def parse(cls, content: str, zone: str) -> Self:
        """Read what stands in the brackets; raises Fault."""
        start = len("at(")
        found = _CONTENT.fullmatch(content)
        if not found:
            raise Fault(start, f"{content!r} is not yyyy-MM-dd HH:mm:ss and perhaps a zone")
        try:
            local = datetime.fromisoformat(found[1])
        except ValueError as error:
            raise Fault(start + found.start(1), f"{found[1]} is no time: {error}") from None
        name = found[2] or zone
        try:
            return cls(zones.moment(local, zones.parse(name)), f"{found[1]} {name}")
        except ValueError as error:
            raise Fault(start + max(found.start(2), 0), str(error)) from None

    @property
    def sentence(self) -> str:
        """Say it in words."""
        return f"Once at {self.text}"

    def after(self, moment: int, _anchor: int) -> int | None:
        """Return the moment, unless it is over."""
        return self.moment if self.moment > moment else None
