"""The pages of the figures: texts written by hand, with places between two marks that a run fills with its tables."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import words
from benchmarks.measure import Figure
from benchmarks.record import Taking

FOLDER = Path("docs")
PAGES = (FOLDER / "performance.md", FOLDER / "scale.md")


def fill(question: str, figures: Sequence[Figure], taking: Taking, plots: Sequence[Path]) -> None:
    """Write the figures of a question into its place, on the page that has one."""
    place = re.compile(rf"(<!-- {question} -->\n).*?(<!-- /{question} -->)", re.DOTALL)
    parts = [_how(taking), *_tables(figures), *_pictures(plots)]
    for page in PAGES:
        text = page.read_text()
        page.write_text(place.sub(lambda found: found[1] + "\n".join(parts) + found[2], text))


def _how(taking: Taking) -> str:
    thorough = "quick" if taking.quick else "full"
    time = taking.time.removesuffix("+00:00").replace("T", " ")
    before, after = taking.pace
    return (
        f"*{time} UTC, {thorough}, {taking.seconds:.0f} s of wall and {taking.processor_seconds:.0f} s of processor "
        f"time; load {taking.load} before; a million additions took {before:.0f} ms before, {after:.0f} after.*\n"
    )


def _tables(figures: Sequence[Figure]) -> Iterator[str]:
    """Write a table of what has no size, and one for each row of sizes, which are its columns then."""
    alone = [figure for figure in figures if figure.at is None]
    grown: defaultdict[str, list[Figure]] = defaultdict(list)
    for figure in figures:
        if figure.at is not None:
            grown[figure.what].append(figure)
    if alone:
        yield from _rows(["what", "value", "", "ratio", "against", "goal"], map(_cells, alone))
    by_sizes: defaultdict[tuple[int, ...], list[list[Figure]]] = defaultdict(list)
    for line in grown.values():
        by_sizes[tuple(figure.at or 0 for figure in line)].append(line)
    for sizes, lines in by_sizes.items():
        heads = ["what", *(f"{size:,}" for size in sizes), "", "last", "against", "goal"]
        yield from _rows(heads, map(_grown_cells, lines))


def _rows(heads: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"
    yield ""


def _cells(figure: Figure) -> list[str]:
    return [figure.what, words.value(figure), figure.unit, words.ratio(figure), figure.against, figure.goal]


def _grown_cells(line: Sequence[Figure]) -> list[str]:
    last = line[-1]
    return [last.what, *map(words.value, line), last.unit, words.ratio(last), last.against, last.goal]


def _pictures(plots: Sequence[Path]) -> list[str]:
    return [f"![{plot.stem}]({plot.relative_to(FOLDER)})\n" for plot in plots]
