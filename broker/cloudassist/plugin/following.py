"""Following a run to its end, and showing what became of it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import click

from cloudassist.client import Invocation
from cloudassist.plugin import live, output
from cloudassist.plugin.output import went_well

INTERRUPTED: Final = 130
"""The exit code where the watching was interrupted: 128 and the number of SIGINT, as shells have it."""
_STOP: Final = "stop"
_LEAVE: Final = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is shown of a run: ``follow`` what the scripts write while they run, ``quiet`` nothing at all."""

    no_wait: bool = False
    follow: bool = False
    quiet: bool = False
    as_json: bool = False


def conclude(context: click.Context, invocation: Invocation, showing: Showing) -> None:
    """Show the id of a run, or follow it, show the results, and end with the exit code that they call for."""
    ids = {"InvokeId": invocation.invoke_id, "CommandId": invocation.command_id}
    if showing.no_wait:
        if showing.as_json:
            output.show_json(ids)
        else:
            click.echo(invocation.invoke_id)
        return
    _watch(context, invocation, lambda: _show(invocation, showing))
    results = list(invocation.results())
    if showing.as_json:
        rows = output.as_json(results)
        output.show_json({**ids, "InvokeStatus": invocation.status, "InvocationResults": rows})
    elif not showing.quiet:
        output.show_results(results, with_output=not showing.follow)
        click.echo(f"{invocation.invoke_id} {output.coloured_status(invocation.status)}")
    context.exit(0 if all(map(went_well, results)) else 1)


def _watch(context: click.Context, invocation: Invocation, show: Callable[[], None]) -> None:
    """Show a run until it has ended; whoever interrupts that is asked what is meant by it."""
    while True:
        try:
            show()
        except KeyboardInterrupt:
            if _asked(invocation) == _STOP:
                invocation.stop()
            else:
                click.echo(f"{invocation.invoke_id} goes on; `assist watch` shows it, `assist stop` stops it", err=True)
                context.exit(INTERRUPTED)
        else:
            return


def _asked(invocation: Invocation) -> str:
    """Ask whether to stop a run or only the watching; where nobody can be asked, it goes on."""
    if not sys.stdin.isatty():
        return _LEAVE
    question = f"\nStop {invocation.invoke_id}, or leave it and only stop watching?"
    answer: str = click.prompt(question, type=click.Choice([_STOP, _LEAVE]), default=_LEAVE, err=True)
    return answer


def _show(invocation: Invocation, showing: Showing) -> None:
    silent = showing.quiet or showing.as_json
    if showing.follow and not silent:
        live.show(invocation.tail())
        invocation.refresh()
    else:
        _follow(invocation, quiet=silent)


def _follow(invocation: Invocation, *, quiet: bool) -> None:
    """Show how the run stands while it goes on: a line that changes in a terminal, nothing in a pipe."""
    show = sys.stderr.isatty() and not quiet
    for progress in invocation.follow():
        if show:
            click.echo(f"\r\x1b[K{invocation.invoke_id} {output.status_line(progress)}", nl=False, err=True)
    if show:
        click.echo("\r\x1b[K", nl=False, err=True)
