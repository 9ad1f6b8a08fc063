"""The audit trail: who did what, on which instances, when, and with which outcome. Append-only, and bounded.

What changes something is written down by the very function that does it; its entry comes along as an act. What was
refused is written down by whoever asked: it had no effect.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import limits
from cloudassist.store import keys
from cloudassist.store.call import Call, as_fields, as_nothing, command

OK: Final = "ok"
"""The outcome of what was carried out; of what was not, it is the code of the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One entry but for its time and outcome. ``subject`` holds the ids of the command and the run that it is about."""

    caller: str
    operation: str
    subject: tuple[str, ...] = ()
    instance_ids: Sequence[str] = ()

    def fields(self) -> list[str]:
        """Return the fields and values of the entry."""
        return [
            "caller",
            self.caller,
            "operation",
            self.operation,
            "subject",
            " ".join(self.subject),
            "instances",
            " ".join(self.instance_ids[: limits.AUDITED_INSTANCES]),
            "instance_count",
            str(len(self.instance_ids)),
        ]

    def encode(self) -> str:
        """Return what the functions take."""
        return json.dumps(self.fields())


def append(act: Act, outcome: str = OK) -> Call[None]:
    """Write down what happened outside of a function."""
    return command(
        as_nothing,
        "XADD",
        keys.AUDIT_TRAIL,
        "MAXLEN",
        "~",
        limits.AUDIT_ENTRIES,
        "*",
        "outcome",
        outcome,
        *act.fields(),
    )


def page(before: str, size: int) -> Call[list[tuple[str, dict[str, str]]]]:
    """Return so many entries that are older than the one with this id, the newest first; an empty id is the end."""
    return command(_entries, "XREVRANGE", keys.AUDIT_TRAIL, f"({before}" if before else "+", "-", "COUNT", size)


def length() -> Call[int]:
    """Return how many entries there are."""
    return command(int, "XLEN", keys.AUDIT_TRAIL)


def _entries(answer: list[Any]) -> list[tuple[str, dict[str, str]]]:
    return [(entry_id.decode(), as_fields(_pairs(fields))) for entry_id, fields in answer]


def _pairs(fields: Any) -> dict[bytes, bytes]:
    return fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
