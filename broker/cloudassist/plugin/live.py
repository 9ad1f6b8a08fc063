"""Showing what scripts write while they run: a line per line, with the instance before it."""

import codecs
from collections.abc import Iterable

import click

from cloudassist.operations.tail import Piece
from cloudassist.plugin.output import printable

_COLOURS = ("cyan", "magenta", "blue", "yellow", "green")


class Lines:
    """Puts pieces of one instance's output together to lines; what ends a line may come with a later piece.

    A carriage return begins a line anew: of a progress bar each state is a line of its own.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def feed(self, data: bytes, *, last: bool = False) -> list[str]:
        """Return the lines that are complete now; with ``last``, also what is left."""
        text = self._rest + self._decoder.decode(data, final=last)
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = "" if last else lines.pop()
        return [line for line in lines if line] if last else lines


def show(pieces: Iterable[Piece]) -> None:
    """Print pieces as they come."""
    lines: dict[str, Lines] = {}
    for piece in pieces:
        known = lines.setdefault(piece.instance_id, Lines())
        if piece.skipped:
            _print(lines, piece.instance_id, known.feed(b"", last=True))
            _print(lines, piece.instance_id, [f"[… {piece.skipped} bytes …]"])
            lines[piece.instance_id] = known = Lines()
        _print(lines, piece.instance_id, known.feed(piece.data))
    for instance_id, known in lines.items():
        _print(lines, instance_id, known.feed(b"", last=True))


def _print(lines: dict[str, Lines], instance_id: str, complete: Iterable[str]) -> None:
    colour = _COLOURS[list(lines).index(instance_id) % len(_COLOURS)]
    for line in complete:
        click.echo(f"{click.style(instance_id, fg=colour)} | {printable(line)}")
