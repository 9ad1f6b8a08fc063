"""``assist invoke``: run a command that is kept, follow it, show the results."""

import click

from cloudassist.plugin import options, targets
from cloudassist.plugin.connection import assistant_of
from cloudassist.plugin.following import Showing, conclude
from cloudassist.plugin.recurring import tell_recurring


@click.command
@click.argument("command_id")
@targets.targets
@click.option("--timeout", type=int, help="Seconds it may run (default: the command's).")
@click.option("--working-dir", help="The folder to run in (default: the command's).")
@options.running
@options.as_json
@click.pass_context
def invoke(
    context: click.Context,
    *,
    command_id: str,
    instances: tuple[str, ...],
    tags: tuple[str, ...],
    everywhere: bool,
    sure: bool,
    params: tuple[str, ...],
    secrets: tuple[str, ...],
    timeout: int | None,
    working_dir: str | None,
    frequency: str | None,
    deliver_within: int | None,
    username: str,
    client_token: str | None,
    no_wait: bool,
    follow: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the command COMMAND_ID on instances.

    Exit code: 0 where every instance finished with exit code 0, 1 otherwise, 2 for a mistake in the call, 75 where the
    server is away or takes no more at present.

    Example: cloudassist invoke c-9f86d081884c7d65 -i web-1 -p name=world
    """
    values = options.values(params, secrets)
    showing = Showing(no_wait=no_wait, follow=follow, quiet=quiet, as_json=as_json)
    with assistant_of(context) as assistant:
        where = targets.chosen(assistant, instances, tags, everywhere=everywhere, sure=sure)
        invocation = assistant.invoke_command(
            command_id,
            timeout=timeout,
            working_dir=working_dir,
            username=username,
            frequency=frequency,
            deliver_within=deliver_within,
            client_token=client_token,
            **values,
            **where,
        )
        if frequency and not follow:
            tell_recurring(assistant, invocation.invoke_id, as_json=as_json)
        else:
            conclude(context, invocation, showing)
