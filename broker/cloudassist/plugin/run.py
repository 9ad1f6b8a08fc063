"""``assist run``: run a script, follow it, show the results."""

import sys
from typing import Final

import click

from cloudassist import limits
from cloudassist.client import Invocation
from cloudassist.command_type import CommandType
from cloudassist.models.record import InvocationResult
from cloudassist.plugin import output
from cloudassist.plugin.connection import assistant_of
from cloudassist.status import InvocationStatus

STDIN: Final = "-"


@click.command
@click.argument("script")
@click.option("-i", "--instance", "instances", multiple=True, required=True, help="An instance to run on; repeatable.")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A value for {{NAME}}; repeatable.")
@click.option("--timeout", default=limits.TIMEOUT_DEFAULT_SECONDS, show_default=True, help="Seconds it may run.")
@click.option("--type", "kind", default=CommandType.SHELL.value, show_default=True, help="The type of the script.")
@click.option("--working-dir", default="", help="The folder to run in (default: the user's home).")
@click.option("--no-wait", is_flag=True, help="Print the id and return at once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def run(
    context: click.Context,
    *,
    script: str,
    instances: tuple[str, ...],
    params: tuple[str, ...],
    timeout: int,
    kind: str,
    working_dir: str,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Run SCRIPT on instances; "-" reads it from standard input.

    Exit code: 0 where every instance finished with exit code 0, 1 otherwise, 2 for a mistake in the call.

    Example: celery -A cloudassist assist run -i web-1 -i web-2 -p name=world 'echo hello {{name}}'
    """
    content = sys.stdin.read() if script == STDIN else script
    values = dict(_pair(param) for param in params)
    with assistant_of(context) as assistant:
        invocation = assistant.run_command(
            content,
            type=kind,
            instance_ids=instances,
            parameters=values or None,
            timeout=timeout,
            working_dir=working_dir,
        )
        if no_wait:
            _show_id(invocation, as_json=as_json)
            return
        _follow(invocation, quiet=as_json)
        results = list(invocation.results())
    _show(invocation, results, as_json=as_json)
    context.exit(0 if all(map(_went_well, results)) else 1)


def _follow(invocation: Invocation, *, quiet: bool) -> None:
    """Show how the run stands while it goes on: a line that changes in a terminal, nothing in a pipe."""
    show = sys.stderr.isatty() and not quiet
    for progress in invocation.follow():
        if show:
            click.echo(f"\r\x1b[K{invocation.invoke_id} {output.status_line(progress)}", nl=False, err=True)
    if show:
        click.echo("\r\x1b[K", nl=False, err=True)


def _show(invocation: Invocation, results: list[InvocationResult], *, as_json: bool) -> None:
    if as_json:
        output.show_json(
            {
                "InvokeId": invocation.invoke_id,
                "CommandId": invocation.command_id,
                "InvokeStatus": invocation.status,
                "InvocationResults": output.as_json(results),
            }
        )
        return
    output.show_results(results)
    click.echo(f"{invocation.invoke_id} {output.coloured_status(invocation.status)}")


def _show_id(invocation: Invocation, *, as_json: bool) -> None:
    if as_json:
        output.show_json({"InvokeId": invocation.invoke_id, "CommandId": invocation.command_id})
    else:
        click.echo(invocation.invoke_id)


def _went_well(result: InvocationResult) -> bool:
    return result.status is InvocationStatus.FINISHED and result.exit_code == 0


def _pair(param: str) -> tuple[str, str]:
    name, separator, value = param.partition("=")
    if not separator:
        raise click.UsageError(f"--param is NAME=VALUE; it is {param!r}")
    return name, value
