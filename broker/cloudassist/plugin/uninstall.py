"""``assist uninstall``: take the agent from hosts over SSH."""

from typing import Any

import click

from cloudassist.plugin import options, ssh
from cloudassist.plugin.connection import assistant_of


@click.command
@ssh.login
@click.option(
    "--purge", is_flag=True, help="Remove key and journal, too: the host cannot come back as the same instance."
)
@options.as_json
@click.pass_context
def uninstall(context: click.Context, /, *, as_json: bool, **given: Any) -> None:
    """End the agent on hosts and take away what was installed, whole or half.

    The instance stays known: `assist instances deregister` makes it forgotten.

    Example: cloudassist uninstall --host deploy@10.0.0.7 --sudo
    """
    count = len(given["hosts"]) + len(given["instance_ids"])
    given["instance_ids"] = given["instance_ids"] or None
    with assistant_of(context) as assistant, ssh.watcher(count, as_json=as_json) as watcher:
        rows = assistant.uninstall_cloud_assistant(watcher=watcher, **given)
    ssh.show(rows, as_json=as_json)
