"""How things grow, as pictures: a curve for what was measured at several sizes, those of one unit together."""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pygal
from pygal.style import Style

from benchmarks.measure import Figure

FOLDER = Path("docs/performance")
FEWEST_SIZES = 4
"""Fewer are no curve."""
STYLE = Style(
    background="white",
    plot_background="white",
    colors=("#1f5fa8", "#d1495b", "#2a9d5c", "#e0912f", "#7b4fa3", "#3ba7b5"),
    guide_stroke_color="#dddddd",
    major_guide_stroke_color="#dddddd",
    legend_font_size=11,
    label_font_size=11,
    major_label_font_size=11,
    title_font_size=12,
)


def draw(question: str, figures: Sequence[Figure]) -> list[Path]:
    """Draw the curves of a question; return the pictures."""
    lines: defaultdict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for figure in figures:
        if figure.at is not None:
            lines[figure.what, figure.unit].append((figure.at, figure.value))
    pictures: defaultdict[tuple[str, tuple[int, ...]], dict[str, list[tuple[int, float]]]] = defaultdict(dict)
    for (what, unit), points in lines.items():
        if len(points) >= FEWEST_SIZES:
            pictures[unit, tuple(size for size, _ in points)][what] = points
    return [
        _draw(FOLDER / f"{question}-{number}.svg", unit, curves)
        for number, ((unit, _), curves) in enumerate(pictures.items(), 1)
    ]


def _draw(file: Path, unit: str, lines: dict[str, list[tuple[int, float]]]) -> Path:
    chart = pygal.XY(
        js=(),
        style=STYLE,
        width=760,
        height=280 + 20 * len(lines),
        legend_at_bottom=True,
        legend_at_bottom_columns=1,
        truncate_legend=-1,
        y_title=unit,
        range=(0, 1.1 * max(value for points in lines.values() for _, value in points)),
        x_value_formatter=lambda power: f"{10**power:,.0f}",
    )
    chart.uuid = file.stem  # instead of a random one: the same figures give the same file
    sizes = sorted({size for points in lines.values() for size, _ in points})
    chart.x_labels = [_place(size) for size in sizes]
    for what, points in lines.items():
        chart.add(what, [(_place(size), value) for size, value in points])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(chart.render())
    return file


def _place(size: int) -> float:
    """Return where a size stands on the axis: each ten times the last at the same distance."""
    return math.log10(size)
