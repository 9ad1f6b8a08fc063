"""``assist instances``: who is there, what each is called, and letting one go."""

from typing import Final

import click

from cloudassist.models.base import api_time
from cloudassist.models.instance import Instance
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page

COLUMNS: Final = ("instance", "online", "heard", "os", "host", "agent", "done", "open", "tags")


@click.group(invoke_without_command=True)
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
    """List the registered instances, where no command is given.

    Example: cloudassist instances --tag role=web --online
    """
    if context.invoked_subcommand is not None:
        return
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
            _called(instance),
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


@instances.command
@click.argument("instance_id")
@options.as_json
@click.pass_context
def deregister(context: click.Context, *, instance_id: str, as_json: bool) -> None:
    """Let the instance INSTANCE_ID go at once: it is cut off, and nothing that it says is believed any more.

    Its records that have not ended fail (InstanceDeregistered). It comes back by being enrolled anew only.

    Example: cloudassist instances deregister web-1
    """
    with assistant_of(context) as assistant:
        gone = assistant.deregister_managed_instance(instance_id)
    if as_json:
        output.show_json({"Instance": gone.model_dump(by_alias=True, mode="json")})
    else:
        click.echo(f"{gone.instance_id} is deregistered")


@instances.command
@click.argument("instance_id")
@click.argument("name")
@options.as_json
@click.pass_context
def rename(context: click.Context, *, instance_id: str, name: str, as_json: bool) -> None:
    """Give the instance INSTANCE_ID the NAME by which people know it; its id stays.

    Example: cloudassist instances rename web-1 'Front door'
    """
    with assistant_of(context) as assistant:
        found = assistant.modify_managed_instance(instance_id, instance_name=name)
    if as_json:
        output.show_json({"Instance": {"InstanceId": found.instance_id, "InstanceName": found.instance_name}})
    else:
        click.echo(f"{found.instance_id} is called {found.instance_name}")


def _called(instance: Instance) -> str:
    """Return an instance's id, and its name where that is another."""
    named = instance.instance_name != instance.instance_id
    return f"{instance.instance_id} ({instance.instance_name})" if named else instance.instance_id
