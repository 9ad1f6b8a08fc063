"""``assist commands``: what is kept."""

from typing import Final

import click

from cloudassist.models.base import api_time
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page

COLUMNS: Final = ("command", "name", "type", "version", "timeout", "parameters", "runs", "made", "by", "description")


@click.command
@click.option("--id", "command_id", help="Only this command.")
@click.option("--name", help="Only those of this name; * stands for any text.")
@click.option("--description", help="Only those with this description; * stands for any text.")
@click.option("--type", "kind", type=options.TYPE, help="Only those of this type.")
@options.as_json
@click.pass_context
def commands(
    context: click.Context,
    *,
    command_id: str | None,
    name: str | None,
    description: str | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """List the commands that are kept, the newest first.

    Example: cloudassist commands --name 'deploy*'
    """
    with assistant_of(context) as assistant:
        page = assistant.describe_commands(
            command_id=command_id, name=name, description=description, type=kind, max_results=largest_page(context)
        )
        found = list(page.all())
    if as_json:
        output.show_json({"Commands": output.as_json(found)})
        return
    rows = [
        (
            command.command_id,
            command.name,
            command.type,
            str(command.version),
            str(command.timeout),
            " ".join(command.parameter_names),
            str(command.invoke_times),
            api_time(command.creation_time),
            command.caller,
            command.description,
        )
        for command in found
    ]
    output.show_table(COLUMNS, rows)
