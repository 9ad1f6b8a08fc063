"""``assist init``: the keys of an installation."""

import click

from cloudassist.keyring import AgreementKey, SigningKey, Trust, create_key
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import settings_of


@click.command
@options.as_json
@click.pass_context
def init(context: click.Context, *, as_json: bool) -> None:
    """Make the keys that are not there yet, and print what agents are told to trust.

    The signing key is for producers and dispatch, the report key for control workers; neither belongs on an instance.
    The trust file is not secret: every agent needs it.

    Example: celery -A cloudassist assist init
    """
    settings = settings_of(context)
    files = {"signing": settings.signing_key_file, "report": settings.report_key_file}
    made = {kind: create_key(path, kind) for kind, path in files.items()}
    signing = SigningKey.load(files["signing"])
    report = AgreementKey.load(files["report"], "report")
    trust = Trust({signing.kid: signing.public}, report.public).format()
    settings.trust_path.parent.mkdir(parents=True, exist_ok=True)
    settings.trust_path.write_text(trust + "\n", encoding="ascii")
    if as_json:
        paths = {"SigningKey": files["signing"], "ReportKey": files["report"], "TrustFile": settings.trust_path}
        output.show_json({**{name: str(path) for name, path in paths.items()}, "Trust": trust})
        return
    for kind, path in files.items():
        click.echo(f"{kind} key: {path} ({'made' if made[kind] else 'was there'})")
    click.echo(f"trust file: {settings.trust_path}\nor, in an agent's environment: CLOUDASSIST_TRUST={trust}")
