"""``assist modify``: change the name or the description of a command."""

import click

from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of


@click.command
@click.argument("command_id")
@click.option("--name", help="The new name.")
@click.option("--description", help="The new description.")
@options.as_json
@click.pass_context
def modify(
    context: click.Context, *, command_id: str, name: str | None, description: str | None, as_json: bool
) -> None:
    """Change the name or the description of the command COMMAND_ID; `assist clone` changes the rest.

    Example: cloudassist modify c-9f86d081884c7d65 --name greet-all
    """
    with assistant_of(context) as assistant:
        assistant.modify_command(command_id, name=name, description=description)
        (command,) = assistant.describe_commands(command_id=command_id)
    output.show_command(command, as_json=as_json)
