"""``assist run``: run a script, follow it, show the results."""

from pathlib import Path

import click

from cloudassist.command_type import CommandType
from cloudassist.plugin import options, targets
from cloudassist.plugin.connection import assistant_of
from cloudassist.plugin.following import Showing, conclude
from cloudassist.plugin.recurring import tell_recurring


@click.command
@click.argument("script", required=False)
@options.file
@targets.targets
@click.option("--timeout", type=int, help="Seconds it may run (60).")
@click.option("--type", "kind", type=options.TYPE, default=CommandType.SHELL.value, show_default=True)
@click.option("--working-dir", default="", help="The folder to run in (default: the user's home).")
@click.option("--enable-parameter", is_flag=True, help="Fill in {{ACS::InstanceId}} and the like without any --param.")
@click.option("--keep", is_flag=True, help="Keep the script as a command; it needs a --name.")
@click.option("--name", default="", help="A name for the command.")
@click.option("--description", default="", help="A description of the command.")
@options.running
@options.as_json
@click.pass_context
def run(
    context: click.Context,
    *,
    script: str | None,
    file: Path | None,
    instances: tuple[str, ...],
    tags: tuple[str, ...],
    everywhere: bool,
    sure: bool,
    params: tuple[str, ...],
    secrets: tuple[str, ...],
    timeout: int | None,
    kind: str,
    working_dir: str,
    enable_parameter: bool,
    keep: bool,
    name: str,
    description: str,
    frequency: str | None,
    deliver_within: int | None,
    username: str,
    client_token: str | None,
    no_wait: bool,
    follow: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run SCRIPT on instances, or that of a --file; "-" reads it from standard input.

    A value given by --secret is sealed to each instance, and masked in what the script writes.

    With --frequency it is run again and again, until it is stopped; `assist schedules` shows how that goes.

    Exit code: 0 where every instance finished with exit code 0, 1 otherwise, 2 for a mistake in the call, 75 where the
    server is away or takes no more at present.

    Example: cloudassist run -i web-1 -i web-2 -p name=you 'echo hello {{name}}'
    """
    content = options.script(script, file)
    values = options.values(params, secrets)
    showing = Showing(no_wait=no_wait, follow=follow, quiet=quiet, as_json=as_json)
    with assistant_of(context) as assistant:
        where = targets.chosen(assistant, instances, tags, everywhere=everywhere, sure=sure)
        invocation = assistant.run_command(
            content,
            type=kind,
            timeout=timeout,
            working_dir=working_dir,
            username=username,
            enable_parameter=enable_parameter or None,
            frequency=frequency,
            deliver_within=deliver_within,
            name=name,
            description=description,
            keep_command=keep,
            client_token=client_token,
            **values,
            **where,
        )
        if frequency and not follow:
            tell_recurring(assistant, invocation.invoke_id, as_json=as_json)
        else:
            conclude(context, invocation, showing)
