"""``assist schedules``: what runs again and again."""

from itertools import islice
from typing import Final

import click

from cloudassist.models.base import api_time
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page
from cloudassist.plugin.recurring import in_words, last_results

COLUMNS: Final = ("run", "status", "next", "last", "runs", "missed", "skipped", "instances", "name", "when")


@click.command
@click.option("--all", "ended", is_flag=True, help="Also those that have ended.")
@click.option("-i", "--instance", "instance_id", help="Only those on this instance.")
@click.option("--most", default=100, show_default=True, type=click.IntRange(1), help="Rows, the most.")
@options.as_json
@click.pass_context
def schedules(context: click.Context, /, *, ended: bool, instance_id: str | None, most: int, as_json: bool) -> None:
    """List the runs that recur, the newest first.

    Example: cloudassist schedules
    """
    with assistant_of(context) as assistant:
        page = assistant.describe_invocations(
            repeat_mode="Period",
            timed=None if ended else True,
            instance_id=instance_id,
            max_results=min(most, largest_page(context)),
        )
        found = list(islice(page.all(), most))
    if as_json:
        output.show_json({"Invocations": output.as_json(found)})
        return
    rows = [
        (
            row.invoke_id,
            str(row.detail_status),
            api_time(row.next_time),
            last_results(row),
            str(row.runs),
            str(row.missed),
            str(row.skipped),
            str(row.instance_count),
            row.command_name,
            in_words(row),
        )
        for row in found
    ]
    output.show_table(COLUMNS, rows)
