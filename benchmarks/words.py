"""Figures as people read them."""

from benchmarks.measure import Figure

_WHOLE_FROM = 100


def value(figure: Figure) -> str:
    """Return the value, with as many digits as mean something."""
    return f"{figure.value:,.0f}" if abs(figure.value) >= _WHOLE_FROM else f"{figure.value:.2f}"


def ratio(figure: Figure) -> str:
    """Return the ratio, empty where there is none."""
    return "" if figure.ratio is None else f"{figure.ratio:.2f}"
