"""``python -m benchmarks [--quick] [--record] [question …]``: measure, print a table, keep the figures as JSON.

``--record`` also writes what docs/performance.md shows: the figures, the plots, and the tables between its marks.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import page, plots, words
from benchmarks.measure import Figure, MachineTime, pace
from benchmarks.record import Record, Taking

MODULES = (
    "fanout", "rollup", "growth", "reading", "memory", "latency", "twenty", "simulated", "stops", "agent", "idle",
    "reconnect", "recurring", "beats", "security", "startup", "scale",
)  # fmt: skip
ON_REQUEST = ("peers",)
"""Questions that need what is not installed otherwise."""
RESULTS = Path(".run/benchmarks.json")
OF_RECORD = plots.FOLDER / "results.json"


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    every = (*MODULES, *ON_REQUEST)
    text = f"one of {', '.join(every)}; default: all but {', '.join(ON_REQUEST)}"
    parser.add_argument("questions", nargs="*", metavar="question", help=text)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: minutes instead of a record")
    parser.add_argument("--record", action="store_true", help="write the figures, the plots and the tables of the docs")
    options = parser.parse_args()
    unknown = set(options.questions) - set(every)
    if unknown:
        parser.error(f"there is no question {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    answer(options.questions or MODULES, quick=options.quick, of_record=options.record)


def answer(questions: Sequence[str], *, quick: bool, of_record: bool) -> None:
    """Answer questions."""
    for name in questions:
        Console(stderr=True).print(f"measuring {name} …")
        module = import_module(f"benchmarks.{name}")
        taking, begun, used = Taking.begin(quick=quick), time.monotonic(), MachineTime()
        figures = module.measure(quick=quick)
        taking = replace(
            taking,
            seconds=round(time.monotonic() - begun, 1),
            processor_seconds=round(used.seconds(), 1),
            pace=(taking.pace[0], pace()),
        )
        show(figures)
        Record(RESULTS).put(name, figures, taking)
        if of_record:
            Record(OF_RECORD).put(name, figures, taking)
            page.fill(name, figures, taking, plots.draw(name, figures))


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table("question", "what", "value", "", "ratio", "against", "goal")
    for figure in figures:
        what = figure.what if figure.at is None else f"{figure.what}, {figure.at:,}"
        value, ratio = words.value(figure), words.ratio(figure)
        table.add_row(figure.question, what, value, figure.unit, ratio, figure.against, figure.goal)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    main()
