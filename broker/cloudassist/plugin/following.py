"""Following a run to its end, and showing what became of it."""

import sys

import click

from cloudassist.client import Invocation
from cloudassist.models.record import InvocationResult
from cloudassist.plugin import live, output
from cloudassist.status import InvocationStatus


def conclude(
    context: click.Context, invocation: Invocation, *, no_wait: bool, as_json: bool, follow: bool = False
) -> None:
    """Show the id of a run, or follow it, show the results, and end with the exit code that they call for.

    ``follow`` shows what the scripts write while they run.
    """
    ids = {"InvokeId": invocation.invoke_id, "CommandId": invocation.command_id}
    if no_wait:
        if as_json:
            output.show_json(ids)
        else:
            click.echo(invocation.invoke_id)
        return
    if follow and not as_json:
        live.show(invocation.tail())
        invocation.refresh()
    else:
        _follow(invocation, quiet=as_json)
    results = list(invocation.results())
    if as_json:
        rows = output.as_json(results)
        output.show_json({**ids, "InvokeStatus": invocation.status, "InvocationResults": rows})
    else:
        output.show_results(results, with_output=not follow)
        click.echo(f"{invocation.invoke_id} {output.coloured_status(invocation.status)}")
    context.exit(0 if all(map(_went_well, results)) else 1)


def _follow(invocation: Invocation, *, quiet: bool) -> None:
    """Show how the run stands while it goes on: a line that changes in a terminal, nothing in a pipe."""
    show = sys.stderr.isatty() and not quiet
    for progress in invocation.follow():
        if show:
            click.echo(f"\r\x1b[K{invocation.invoke_id} {output.status_line(progress)}", nl=False, err=True)
    if show:
        click.echo("\r\x1b[K", nl=False, err=True)


def _went_well(result: InvocationResult) -> bool:
    return result.status is InvocationStatus.FINISHED and result.exit_code == 0
