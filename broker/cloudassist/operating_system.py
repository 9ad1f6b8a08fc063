"""Which operating systems instances may have, and where an agent's Python comes from there.

The families and their oldest versions are those of the overview. An agent needs Python 3.11; the wheels of what it is
built on need glibc 2.17, and Windows 8.1 or Server 2012 R2 (release 2012.2 in the table): older ones cannot have one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

TABLE: Final = "operating_systems.json"
NO_PYTHON: Final = "none"

_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the table.

    ``ids`` are the words by which /etc/os-release names it; ``python`` says from which version on an agent's Python is
    whose: ``none``, the agent's ``own``, the system's, or a package.
    """

    family: str
    ids: Sequence[str]
    oldest: str
    python: Sequence[tuple[str, str]]

    def python_of(self, release: str) -> str:
        """Return where an agent's Python comes from on this release."""
        fitting = [whose for since, whose in self.python if _version(since) <= _version(release)]
        return fitting[-1] if fitting else NO_PYTHON


@cache
def families() -> Sequence[Family]:
    """Return the table."""
    text = resources.files(__package__).joinpath(TABLE).read_text(encoding="utf-8")
    return [Family(**{**row, "python": [tuple(pair) for pair in row["python"]]}) for row in json.loads(text)]


def is_supported(os_id: str, release: str) -> bool:
    """Tell whether commands can be run on instances with this operating system."""
    return python_of(os_id, release) != NO_PYTHON


def python_of(os_id: str, release: str) -> str:
    """Return where an agent's Python comes from on this operating system; ``none`` where it cannot have one."""
    for family in families():
        if os_id in family.ids and _version(release) >= _version(family.oldest):
            return family.python_of(release)
    return NO_PYTHON


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBERS.findall(text)[:2]) or (0,)
