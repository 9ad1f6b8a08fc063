"""``assist invocations``: what was run."""

from itertools import islice
from typing import Final

import click

from cloudassist.models.base import api_time
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page

COLUMNS: Final = ("run", "status", "instances", "command", "name", "started", "ended", "by")


@click.command
@click.option("--id", "invoke_id", help="Only this run.")
@click.option("--command", "command_id", help="Only runs of this command.")
@click.option("--name", "command_name", help="Only runs of commands of this name; * stands for any text.")
@click.option("--type", "command_type", type=options.TYPE, help="Only scripts of this type.")
@click.option("-i", "--instance", "instance_id", help="Only runs on this instance.")
@click.option("--status", "invoke_status", help="Only runs with this status.")
@click.option("--most", default=100, show_default=True, type=click.IntRange(1), help="Rows, the most.")
@options.as_json
@click.pass_context
def invocations(context: click.Context, /, *, most: int, as_json: bool, **filters: str | None) -> None:
    """List the runs, the newest first.

    Example: cloudassist invocations --status Failed
    """
    with assistant_of(context) as assistant:
        page = assistant.describe_invocations(**filters, max_results=min(most, largest_page(context)))  # type: ignore[arg-type]
        found = list(islice(page.all(), most))
    if as_json:
        output.show_json({"Invocations": output.as_json(found)})
        return
    rows = [
        (
            row.invoke_id,
            str(row.status),
            str(row.instance_count),
            row.command_id,
            row.command_name,
            api_time(row.creation_time),
            api_time(row.finish_time),
            row.caller,
        )
        for row in found
    ]
    output.show_table(COLUMNS, rows)
