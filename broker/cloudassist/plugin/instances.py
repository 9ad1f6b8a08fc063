"""``assist instances``: who is there."""

from typing import Final

import click

from cloudassist.models.base import api_time
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page

COLUMNS: Final = ("instance", "online", "heard", "os", "host", "agent", "done", "open", "tags")


@click.command
@click.option("--name", "instance_name", help="Only those of this name; * stands for any text.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only those with this tag; repeatable.")
@click.option("--online/--offline", default=None, help="Only those that are there, or that are not.")
@click.option("--os-type", help="Only those with this operating system: Linux, Windows, FreeBSD.")
@options.as_json
@click.pass_context
def instances(
    context: click.Context,
    *,
    instance_name: str | None,
    tags: tuple[str, ...],
    online: bool | None,
    os_type: str | None,
    as_json: bool,
) -> None:
    """List the registered instances.

    Example: celery -A cloudassist assist instances --tag role=web --online
    """
    with assistant_of(context) as assistant:
        page = assistant.describe_instances(
            instance_name=instance_name,
            tags=options.pairs("--tag", tags) or None,
            online=online,
            os_type=os_type,
            max_results=largest_page(context),
        )
        found = list(page.all())
    if as_json:
        output.show_json({"Instances": output.as_json(found)})
        return
    rows = [
        (
            instance.instance_id,
            "yes" if instance.online else "no",
            api_time(instance.last_heartbeat_time),
            instance.os_version,
            instance.hostname,
            instance.agent_version + (" (upgrade needed)" if instance.upgrade_needed else ""),
            str(instance.invocation_count),
            str(instance.active_task_count),
            output.tags_as_text(instance.tags),
        )
        for instance in found
    ]
    output.show_table(COLUMNS, rows)
