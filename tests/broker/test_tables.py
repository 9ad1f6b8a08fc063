"""Tables of the command line, in terminals of different widths."""

import contextlib
import io

import pytest

from cloudassist.plugin import output

ROWS = [(f"t-{number:016}", "Running", f"c-{number:016}", "2026-11-27T04:24:15Z") for number in range(3)]


class Terminal(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch):
    def show(width):
        monkeypatch.setenv("COLUMNS", str(width))
        with contextlib.redirect_stdout(Terminal()) as terminal:
            output.show_table(("run", "status", "command", "started"), ROWS)
        return terminal.getvalue()

    return show


@pytest.mark.parametrize(("width", "lines"), [(60, False), (75, False), (90, True), (200, True)])
def test_ids_stay_in_one_piece_however_narrow_the_terminal_is(shown, width, lines):
    text = shown(width)
    assert all(cell in text for row in ROWS for cell in row)
    assert ("│" in text) == lines


def test_a_narrow_terminal_gets_a_line_for_each_row(shown):
    assert len(shown(60).splitlines()) == 1 + len(ROWS)
