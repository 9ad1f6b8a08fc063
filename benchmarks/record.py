"""What was measured, as JSON: per question its figures, and when, how thoroughly and on what a machine it was.

A question that is measured again replaces what was known of it; the others stay, each with its own time.
"""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks.measure import Figure, pace


@dataclass(frozen=True)
class Taking:
    """How the figures of one question were taken. ``load`` is the machine's, of the minute before.

    ``pace`` is how long a million additions took before and after (ms); 0 where that was not measured yet.
    """

    time: str
    quick: bool
    load: float
    seconds: float
    processor_seconds: float
    pace: tuple[float, float] = (0, 0)

    @classmethod
    def begin(cls, *, quick: bool) -> Self:
        """Note how things are before the first measurement."""
        return cls(
            datetime.now(UTC).isoformat(timespec="seconds"), quick, round(os.getloadavg()[0], 2), 0, 0, (pace(), 0)
        )


class Record:
    """All that is known, in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._questions: dict[str, Any] = json.loads(file.read_text()).get("questions", {}) if file.exists() else {}

    def put(self, question: str, figures: Sequence[Figure], taking: Taking) -> None:
        """Replace what is known of a question, and write the file."""
        self._questions[question] = {**asdict(taking), "figures": [asdict(figure) for figure in figures]}
        document = {"machine": _machine(), "questions": dict(sorted(self._questions.items()))}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    def figures(self, question: str) -> list[Figure]:
        """Return what is known of a question."""
        return [Figure(**fields) for fields in self._questions[question]["figures"]]

    def taking(self, question: str) -> Taking:
        """Return how it was taken."""
        fields = self._questions[question]
        return Taking(**{name: fields[name] for name in Taking.__dataclass_fields__ if name in fields})


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processors": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
    }
