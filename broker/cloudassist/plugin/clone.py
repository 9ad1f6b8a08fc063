"""``assist clone``: keep a changed copy of a command."""

import click

from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of


@click.command
@click.argument("command_id")
@click.option("--script", help='Another script; "-" reads it from standard input.')
@click.option("--name", help="Another name.")
@click.option("--type", "kind", type=options.TYPE, help="Another type.")
@click.option("--description", help="Another description.")
@click.option("--working-dir", help="Another folder to run in.")
@click.option("--timeout", type=int, help="Other seconds that it may run.")
@click.option("--enable-parameter/--disable-parameter", default=None, help="Whether {{names}} are parameters.")
@click.option("--client-token", help="Repeated with the same arguments, it makes nothing again.")
@options.as_json
@click.pass_context
def clone(
    context: click.Context,
    *,
    command_id: str,
    script: str | None,
    name: str | None,
    kind: str | None,
    description: str | None,
    working_dir: str | None,
    timeout: int | None,
    enable_parameter: bool | None,
    client_token: str | None,
    as_json: bool,
) -> None:
    """Keep a copy of the command COMMAND_ID, with what is given changed, and print its id.

    Example: cloudassist clone c-9f86d081884c7d65 --timeout 600
    """
    with assistant_of(context) as assistant:
        command = assistant.clone_command(
            command_id,
            command_content=None if script is None else options.script(script, None),
            name=name,
            type=kind,
            description=description,
            working_dir=working_dir,
            timeout=timeout,
            enable_parameter=enable_parameter,
            client_token=client_token,
        )
    output.show_command(command, as_json=as_json)
