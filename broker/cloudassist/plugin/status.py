"""``assist status``: how the agents are."""

from typing import Final

import click

from cloudassist.models.base import api_time
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page

COLUMNS: Final = ("instance", "agent", "heard", "invoked", "done", "open", "daemon", "client", "restarts", "reason")


@click.command
@click.argument("instance_ids", nargs=-1)
@click.option("--os-type", help="Only those with this operating system: Linux, Windows, FreeBSD.")
@options.as_json
@click.pass_context
def status(context: click.Context, *, instance_ids: tuple[str, ...], os_type: str | None, as_json: bool) -> None:
    """Show how the agents of all instances are, or of some.

    Example: cloudassist status web-1
    """
    with assistant_of(context) as assistant:
        page = assistant.describe_cloud_assistant_status(
            instance_ids or None, os_type=os_type, max_results=largest_page(context)
        )
        found = list(page.all())
    if as_json:
        output.show_json({"InstanceCloudAssistantStatusSet": output.as_json(found)})
        return
    rows = [
        (
            row.instance_id,
            row.cloud_assistant_version or "-",
            api_time(row.last_heartbeat_time),
            api_time(row.last_invoked_time),
            str(row.invocation_count),
            str(row.active_task_count),
            row.daemon_status or "-",
            row.client_state or "-",
            str(row.client_restarts),
            row.client_reason,
        )
        for row in found
    ]
    output.show_table(COLUMNS, rows)
