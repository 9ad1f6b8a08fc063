"""``assist delete``: delete a command."""

import click

from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of


@click.command
@click.argument("command_id")
@options.as_json
@click.pass_context
def delete(context: click.Context, *, command_id: str, as_json: bool) -> None:
    """Delete the command COMMAND_ID. Its runs keep its name and its script.

    Example: cloudassist delete c-9f86d081884c7d65
    """
    with assistant_of(context) as assistant:
        assistant.delete_command(command_id)
    if as_json:
        output.show_json({"CommandId": command_id})
    else:
        click.echo(f"{command_id} is deleted")
