"""How the command line shows things: tables with colours in a terminal, aligned text in a pipe, JSON when asked."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from cloudassist.models.base import ApiModel
from cloudassist.models.command import Command
from cloudassist.models.invocation import Progress
from cloudassist.models.record import InvocationResult
from cloudassist.status import InvocationStatus

OUTPUT_COLUMN: Final = "output"
_COLOURS: Final = {
    "Running": "yellow",
    "Stopping": "yellow",
    "Stopped": "magenta",
    "Finished": "green",
    "Failed": "red",
    "PartialFailed": "red",
}
_WIDEST: Final = 10_000
"""Characters of a terminal that any table fits into."""
_NAMED: Final = 3
"""Instances that a row of several names."""
_RESULT_COLUMNS: Final = ("instance", "status", "exit", "seconds", OUTPUT_COLUMN)


def show_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def as_json(models: Iterable[ApiModel]) -> list[dict[str, Any]]:
    """Return the API's JSON of rows."""
    return [model.model_dump(by_alias=True, mode="json") for model in models]


def show_command(command: Command, *, as_json: bool) -> None:
    """Print the id of a command, or all of it as JSON."""
    if as_json:
        show_json(command.model_dump(by_alias=True, mode="json"))
    else:
        click.echo(command.command_id)


def show_results(results: Iterable[InvocationResult], *, with_output: bool = True) -> None:
    """Print one row per instance, those that did not go well first; a terminal gets one row for what is the same."""
    ordered = sorted(results, key=went_well)
    rows = [
        (
            result.instance_id,
            str(result.status),
            "" if result.exit_code is None else str(result.exit_code),
            "" if result.duration_seconds is None else f"{result.duration_seconds:.2f}",
            _told(result, with_output=with_output),
        )
        for result in ordered
    ]
    show_table(_RESULT_COLUMNS, _folded(rows) if sys.stdout.isatty() else rows)


def went_well(result: InvocationResult) -> bool:
    """Tell whether a script ran to its end, with exit code 0."""
    return result.status is InvocationStatus.FINISHED and result.exit_code == 0


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: with lines and colours in a terminal, else aligned text with one line per row.

    In a terminal that is too narrow for the longest word of each column it is text as well: an id that is cut off, or
    in two pieces, is of no use.
    """
    console = Console()
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_coloured(cell) for cell in row))
    needed = console.measure(table, options=console.options.update(max_width=_WIDEST)).minimum
    if sys.stdout.isatty() and needed <= console.width:
        console.print(table)
    else:
        _show_text(columns, rows)


def status_line(progress: Progress) -> str:
    """Return how a run stands, in one line."""
    counts = ", ".join(f"{count} {status}" for status, count in progress.counts.items() if count)
    return f"{progress.status} ({counts})"


def coloured_status(status: str) -> str:
    """Return a status as the terminal shows it."""
    return click.style(status, fg=_COLOURS.get(status))


def printable(text: str) -> str:
    """Return text of a script as a terminal may be given it: control characters are shown, not obeyed."""
    return "".join(
        character if character in "\n\t" or character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _folded(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return one row for all instances of which the same is to be told, but for how long it took."""
    same: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row in rows:
        instance, status, exit_code, seconds, told = row
        same.setdefault((status, exit_code, told), []).append((instance, seconds))
    return [
        (_several([name for name, _ in found]), status, exit_code, _range([seconds for _, seconds in found]), told)
        for (status, exit_code, told), found in same.items()
    ]


def _several(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{shown} ({len(names)})"


def _range(seconds: Sequence[str]) -> str:
    known = sorted(filter(None, seconds), key=float)
    return " to ".join(dict.fromkeys([*known[:1], *known[-1:]]))


def _told(result: InvocationResult, *, with_output: bool) -> str:
    """Return what a record has to say: its output, and why it failed where it did."""
    cause = ": ".join(filter(None, (result.error_code, result.error_info))) if result.exit_code is None else ""
    dropped = f"[{result.dropped} bytes dropped]" if result.dropped else ""
    output = printable(_last_states(result.output.rstrip())) if with_output else ""
    return "\n".join(filter(None, (output, dropped, cause, _told_late(result))))


def _told_late(result: InvocationResult) -> str:
    """Return what the instance of a record said when that had failed for its silence."""
    if result.late_status is None:
        return ""
    code = "" if result.late_exit_code is None else f"exit code {result.late_exit_code}"
    return f"[told later: {' '.join(filter(None, (result.late_status, result.late_error_code, code)))}]"


def _last_states(text: str) -> str:
    """Return what a terminal would show in the end of lines that were written over, as progress bars are."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _coloured(cell: str) -> str:
    colour = _COLOURS.get(cell)
    escaped = cell.replace("[", "\\[")
    return f"[{colour}]{escaped}[/]" if colour else escaped


def _show_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = [columns, *([cell.replace("\n", "\\n") for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in table) for index in range(len(columns) - 1)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


def tags_as_text(tags: Mapping[str, str]) -> str:
    """Return tags in one line."""
    return " ".join(f"{key}={value}" for key, value in sorted(tags.items()))
