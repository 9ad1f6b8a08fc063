"""``assist create``: keep a script as a command."""

from pathlib import Path

import click

from cloudassist.command_type import CommandType
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of


@click.command
@click.argument("script", required=False)
@options.file
@click.option("--name", required=True, help="The name of the command.")
@click.option("--type", "kind", type=options.TYPE, default=CommandType.SHELL.value, show_default=True)
@click.option("--description", default="", help="What it is for.")
@click.option("--working-dir", default="", help="The folder to run in (default: the user's home).")
@click.option("--timeout", type=int, help="Seconds it may run (60).")
@click.option("--enable-parameter", is_flag=True, help="{{names}} in the script are its parameters.")
@click.option("--client-token", help="Repeated with the same arguments, it makes nothing again.")
@options.as_json
@click.pass_context
def create(
    context: click.Context,
    *,
    script: str | None,
    file: Path | None,
    name: str,
    kind: str,
    description: str,
    working_dir: str,
    timeout: int | None,
    enable_parameter: bool,
    client_token: str | None,
    as_json: bool,
) -> None:
    """Keep SCRIPT as a command, or that of a --file, and print its id; "-" reads it from standard input.

    Example: cloudassist create --name greet --enable-parameter 'echo {{text}}'
    """
    with assistant_of(context) as assistant:
        command = assistant.create_command(
            options.script(script, file),
            name=name,
            type=kind,
            description=description,
            working_dir=working_dir,
            timeout=timeout,
            enable_parameter=enable_parameter,
            client_token=client_token,
        )
    output.show_command(command, as_json=as_json)
