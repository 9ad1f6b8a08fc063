"""``python -m benchmarks [--quick] [question …]``: measure, print a table, keep the figures as JSON."""

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Figure

MODULES = ("fanout", "latency", "twenty", "agent", "idle", "reconnect", "recurring", "beats", "security")
WHOLE_FROM = 100
RESULTS = Path(".run/benchmarks.json")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="question", help=f"one of {', '.join(MODULES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: minutes instead of a record")
    options = parser.parse_args()
    unknown = set(options.questions) - set(MODULES)
    if unknown:
        parser.error(f"there is no question {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    figures: list[Figure] = []
    for name in options.questions or MODULES:
        Console(stderr=True).print(f"measuring {name} …")
        figures += import_module(f"benchmarks.{name}").measure(quick=options.quick)
    show(figures)
    keep(figures)


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table("question", "what", "value", "", "ratio", "against", "goal")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        value = f"{figure.value:,.0f}" if figure.value >= WHOLE_FROM else f"{figure.value:.2f}"
        table.add_row(figure.question, figure.what, value, figure.unit, ratio, figure.against, figure.goal)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def keep(figures: Sequence[Figure]) -> None:
    """Write the figures, with when and where they were taken."""
    RESULTS.parent.mkdir(exist_ok=True)
    document = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "figures": [asdict(figure) for figure in figures],
    }
    RESULTS.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
