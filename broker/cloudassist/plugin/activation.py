"""``assist activation``: codes with which machines become instances."""

import re
from typing import Final

import click

from cloudassist import limits
from cloudassist.address import without_login
from cloudassist.models.activation import Activation
from cloudassist.models.base import api_time
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page, settings_of

COLUMNS: Final = ("activation", "names", "for", "enrolled", "gone", "until", "disabled", "by", "tags", "description")

_HOURS_OF: Final = {"": 1, "h": 1, "d": 24}


def hours(value: str) -> int:
    """Return a number of hours that was given as 4, 4h or 2d."""
    found = re.fullmatch(r"(\d{1,6})([hd]?)", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no number of hours, as 4h, or of days, as 1d")
    return int(found[1]) * _HOURS_OF[found[2]]


@click.group
def activation() -> None:
    """Let machines become instances: each shows the code of an activation to `cloudassist-agent register`.

    Example: cloudassist activation create --count 10 --ttl 4h --prefix web
    """


@activation.command
@click.option("--count", type=int, default=limits.ACTIVATION_INSTANCES, show_default=True, help="For so many machines.")
@click.option(
    "--ttl", type=hours, metavar="HOURS", default=f"{limits.ACTIVATION_HOURS}h", show_default=True, help="For so long."
)
@click.option("--prefix", default="", help="Call them PREFIX-1 and so on (default: as their hosts are called).")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag that they carry; repeatable.")
@click.option("--description", default="", help="What it is for.")
@options.as_json
@click.pass_context
def create(
    context: click.Context, *, count: int, ttl: int, prefix: str, tags: tuple[str, ...], description: str, as_json: bool
) -> None:
    """Make an activation, and show its code: it is shown this once, and kept nowhere.

    Example: cloudassist activation create --count 10 --ttl 4h --prefix web
    """
    with assistant_of(context) as assistant:
        made = assistant.create_activation(
            instance_count=count,
            time_to_live_in_hours=ttl,
            instance_name=prefix,
            description=description,
            tags=options.pairs("--tag", tags) or None,
        )
    if as_json:
        output.show_json(made.model_dump(by_alias=True, mode="json"))
        return
    click.echo(f"activation id    {made.activation_id}\nactivation code  {made.activation_code}")
    click.echo(f"good for {made.instance_count} machines until {api_time(made.expiration_time)}; on each of them:\n")
    url = without_login(settings_of(context).url)
    click.echo(f"  cloudassist-agent register --url {url} --activation-id {made.activation_id} --activation-code -")
    click.echo("\nwhich reads the code from standard input.")


@activation.command(name="list")
@click.option("--id", "activation_id", help="Only this one.")
@click.option("--prefix", help="Only those whose instances are called like this; * stands for any text.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only those with this tag; repeatable.")
@options.as_json
@click.pass_context
def list_(
    context: click.Context, *, activation_id: str | None, prefix: str | None, tags: tuple[str, ...], as_json: bool
) -> None:
    """List the activations, the newest first; codes are not among what is known of them.

    Example: cloudassist activation list --prefix 'web*'
    """
    with assistant_of(context) as assistant:
        page = assistant.describe_activations(
            activation_id=activation_id,
            instance_name=prefix,
            tags=options.pairs("--tag", tags) or None,
            max_results=largest_page(context),
        )
        found = list(page.all())
    if as_json:
        output.show_json({"ActivationList": output.as_json(found)})
        return
    output.show_table(COLUMNS, [_row(each) for each in found])


@activation.command
@click.argument("activation_id")
@options.as_json
@click.pass_context
def disable(context: click.Context, *, activation_id: str, as_json: bool) -> None:
    """Let the activation ACTIVATION_ID be of no use from now on; its instances stay.

    Example: cloudassist activation disable 4ABE1E54-6CDB-4B3C-8A17-1C4F4A0C4F0C
    """
    with assistant_of(context) as assistant:
        found = assistant.disable_activation(activation_id)
    _show(found, "disabled", as_json=as_json)


@activation.command
@click.argument("activation_id")
@options.as_json
@click.pass_context
def delete(context: click.Context, *, activation_id: str, as_json: bool) -> None:
    """Delete the activation ACTIVATION_ID, of which no instance may be registered.

    Example: cloudassist activation delete 4ABE1E54-6CDB-4B3C-8A17-1C4F4A0C4F0C
    """
    with assistant_of(context) as assistant:
        found = assistant.delete_activation(activation_id)
    _show(found, "deleted", as_json=as_json)


def _show(found: Activation, done: str, *, as_json: bool) -> None:
    if as_json:
        output.show_json({"Activation": found.model_dump(by_alias=True, mode="json")})
    else:
        click.echo(f"{found.activation_id} {done}")


def _row(found: Activation) -> tuple[str, ...]:
    return (
        found.activation_id,
        f"{found.instance_name}-*" if found.instance_name else "",
        str(found.instance_count),
        str(found.registered_count),
        str(found.deregistered_count),
        api_time(found.expiration_time),
        "yes" if found.disabled else "no",
        found.caller,
        output.tags_as_text(found.tags),
        found.description,
    )
