"""Truth tables that are data files."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "data"


def table(name: str) -> list[Any]:
    """Return the rows of a table."""
    rows: list[Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return rows
