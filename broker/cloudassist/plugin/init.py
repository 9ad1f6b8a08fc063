"""``assist init``: the keys of an installation."""

import click

from cloudassist import installation
from cloudassist.keyset import Root
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import settings_of


@click.command
@options.as_json
@click.pass_context
def init(context: click.Context, *, as_json: bool) -> None:
    """Make the keys that are not there yet, and print what agents are told to trust.

    The root key signs the key set, which names the others: keep it offline. The signing key is for producers and
    dispatch, the report key for control workers; neither belongs on an instance. The key set and the trust file are not
    secret: control workers put the one on the server, every agent needs the other.

    Example: cloudassist init
    """
    settings = settings_of(context)
    made = installation.make_keys(settings)
    files = {kind: getattr(settings, f"{kind}_key_file") for kind in installation.KINDS}
    trust = Root.of(settings).format()
    if as_json:
        paths = {f"{kind.capitalize()}Key": path for kind, path in files.items()}
        paths |= {"KeySet": settings.key_set_file, "TrustFile": settings.trust_path}
        output.show_json({**{name: str(path) for name, path in paths.items()}, "Trust": trust})
        return
    for kind, path in files.items():
        click.echo(f"{kind} key: {path} ({'made' if made[kind] else 'was there'})")
    click.echo(f"key set: {settings.key_set_file}")
    click.echo(f"trust file: {settings.trust_path}\nor, in an agent's environment: CLOUDASSIST_TRUST={trust}")
