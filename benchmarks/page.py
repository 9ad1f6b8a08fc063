"""The page of the figures: a text written by hand, with places between two marks that a run fills with its tables."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.record import Taking
from benchmarks.words import ratio, value

PAGE = Path("docs/performance.md")


def fill(question: str, figures: Sequence[Figure], taking: Taking, plots: Sequence[Path]) -> None:
    """Write the figures of a question into its place, where the page has one."""
    place = re.compile(rf"(<!-- {question} -->\n).*?(<!-- /{question} -->)", re.DOTALL)
    text = PAGE.read_text()
    parts = [_how(taking), *_rows(figures), "", *_pictures(plots)]
    PAGE.write_text(place.sub(lambda found: found[1] + "\n".join(parts) + found[2], text))


def _how(taking: Taking) -> str:
    thorough = "quick" if taking.quick else "full"
    time = taking.time.removesuffix("+00:00").replace("T", " ")
    return (
        f"*{time} UTC, {thorough}, {taking.seconds:.0f} s of wall and {taking.processor_seconds:.0f} s of processor "
        f"time; load {taking.load} before.*\n"
    )


def _rows(figures: Sequence[Figure]) -> list[str]:
    rows = ["| what | value | | ratio | against | goal |", "|---|---:|---|---:|---|---|"]
    for figure in figures:
        what = figure.what if figure.at is None else f"{figure.what}, {figure.at:,}"
        cells = [what, value(figure), figure.unit, ratio(figure), figure.against, figure.goal]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _pictures(plots: Sequence[Path]) -> list[str]:
    return [f"![{plot.stem}]({plot.relative_to(PAGE.parent)})\n" for plot in plots]
