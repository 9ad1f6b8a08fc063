"""``assist install``: bring the agent to hosts over SSH."""

from pathlib import Path
from typing import Any

import click

from cloudassist.plugin import options, ssh
from cloudassist.plugin.connection import assistant_of


@click.command
@ssh.login
@click.option("--url", default="", help="Where the hosts reach the server, without a login (default: as you do).")
@click.option("--setting", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the agents: TAGS=a=b.")
@click.option("--python", default="", metavar="PATH", help="The Python of the hosts to take.")
@click.option(
    "--runtime", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="A Python to ship to hosts that have none: a tar.gz of one that runs wherever it is unpacked.",
)  # fmt: skip
@click.option(
    "--service", default="auto", type=click.Choice(["auto", "systemd", "background", "none"]),
    help="What keeps the agent running (auto: systemd where it runs and root installs, else its daemon).",
)  # fmt: skip
@click.option(
    "--bundle", "bundles", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of `assist bundle` to ship; repeatable.",
)  # fmt: skip
@click.option("--online-timeout", type=float, default=60.0, help="Seconds to wait for each instance (60).")
@options.as_json
@click.pass_context
def install(context: click.Context, /, *, as_json: bool, settings: tuple[str, ...], url: str, **given: Any) -> None:
    """Bring the agent to hosts over SSH, enrol them, and wait until their instances are online.

    A host that has the agent already gets this version, and is mended. What fails on one host stops no other.

    Example: cloudassist install --host web-1=deploy@10.0.0.7 --sudo
    """
    count = len(given["hosts"]) + len(given["instance_ids"])
    given["instance_ids"] = given["instance_ids"] or None
    with assistant_of(context) as assistant, ssh.watcher(count, as_json=as_json) as watcher:
        rows = assistant.install_cloud_assistant(
            url=url, agent_settings=options.pairs("--setting", settings), watcher=watcher, **given
        )
    ssh.show(rows, as_json=as_json)
