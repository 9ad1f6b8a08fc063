"""``assist audit-trail``: who did what."""

from itertools import islice
from typing import Final

import click

from cloudassist.models.base import api_time
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page

COLUMNS: Final = ("time", "who", "what", "outcome", "on", "instances")
SHOWN: Final = 3
"""Instances that a row names; the JSON has more."""


@click.command(name="audit-trail")
@click.option("--caller", help="Only what this caller did; * stands for any text.")
@click.option("--operation", help="Only this operation; * stands for any text.")
@click.option("--most", default=100, show_default=True, type=click.IntRange(1), help="Rows, the most.")
@options.as_json
@click.pass_context
def audit_trail(context: click.Context, *, caller: str | None, operation: str | None, most: int, as_json: bool) -> None:
    """Show who did what, on which instances, when, and with which outcome; the newest first.

    Example: cloudassist audit-trail --operation StopInvocation
    """
    with assistant_of(context) as assistant:
        page = assistant.describe_audit_trail(
            caller=caller, operation=operation, max_results=min(most, largest_page(context))
        )
        found = list(islice(page.all(), most))
    if as_json:
        output.show_json({"AuditTrail": output.as_json(found)})
        return
    rows = [
        (
            api_time(entry.time),
            entry.caller,
            entry.operation,
            entry.outcome,
            " ".join(entry.subject),
            _named(entry.instance_ids, entry.instance_count),
        )
        for entry in found
    ]
    output.show_table(COLUMNS, rows)


def _named(instance_ids: tuple[str, ...], count: int) -> str:
    more = count - len(instance_ids[:SHOWN])
    return " ".join(instance_ids[:SHOWN]) + (f" and {more} more" if more else "")
