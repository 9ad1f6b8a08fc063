"""``assist doctor``: whether a region is set up as it should be."""

from dataclasses import asdict

import click

from cloudassist.doctor import Check, examine
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import settings_of


@click.command
@options.as_json
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Look, as an administrator, whether server, control plane and fleet are as they should be; a line for each.

    The exit code is 1 where something is to be done.

    Example: cloudassist doctor
    """
    checks = examine(settings_of(context))
    if as_json:
        output.show_json({"Checks": [asdict(check) | {"well": check.well} for check in checks]})
    else:
        for check in checks:
            click.echo(_line(check))
    if not all(check.well for check in checks):
        raise SystemExit(1)


def _line(check: Check) -> str:
    mark = click.style("ok  ", fg="green") if check.well else click.style("bad ", fg="red")
    return f"{mark} {check.name:<12} {check.seen}" + (f"; {check.remedy}" if check.remedy else "")
