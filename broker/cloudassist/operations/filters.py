"""Filters of the Describe operations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from cloudassist.operations import arguments

_ANY = "*"


@dataclass(frozen=True, slots=True)
class Filter:
    """What the fields of a row must be: some equal to a text, some like a pattern with ``*`` for any text."""

    equal: Mapping[str, str]
    like: Mapping[str, re.Pattern[str]]

    @classmethod
    def of(cls, equal: Mapping[str, str | None], like: Mapping[str, str | None]) -> Self:
        """Build a filter from what was given; None stands for anything. Raises InvalidParameterError."""
        return cls(
            {field: arguments.text(field, value) for field, value in equal.items() if value is not None},
            {field: _pattern(field, value) for field, value in like.items() if value is not None},
        )

    @property
    def is_open(self) -> bool:
        """Tell whether every row fits."""
        return not self.equal and not self.like

    def fits(self, fields: Mapping[str, str]) -> bool:
        """Tell whether a row fits."""
        return all(fields.get(field, "") == value for field, value in self.equal.items()) and all(
            pattern.fullmatch(fields.get(field, "")) for field, pattern in self.like.items()
        )


def _pattern(field: str, value: str) -> re.Pattern[str]:
    """Return what a text with ``*`` matches; every other character stands for itself."""
    parts = map(re.escape, arguments.text(field, value).split(_ANY))
    return re.compile(".*".join(parts), re.DOTALL)
