"""``assist instances``: who is there."""

from typing import Final

import click

from cloudassist.limits import PAGE_SIZE_MAXIMUM
from cloudassist.models.base import api_time
from cloudassist.plugin import output
from cloudassist.plugin.connection import assistant_of

COLUMNS: Final = ("instance", "online", "os", "host", "agent", "registered", "tags")


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def instances(context: click.Context, *, as_json: bool) -> None:
    """List the registered instances.

    Example: celery -A cloudassist assist instances
    """
    with assistant_of(context) as assistant:
        found = list(assistant.describe_instances(max_results=PAGE_SIZE_MAXIMUM).all())
    if as_json:
        output.show_json({"Instances": output.as_json(found)})
        return
    rows = [
        (
            instance.instance_id,
            "yes" if instance.online else "no",
            instance.os_version,
            instance.hostname,
            instance.agent_version,
            api_time(instance.registration_time),
            output.tags_as_text(instance.tags),
        )
        for instance in found
    ]
    output.show_table(COLUMNS, rows)
