"""``assist key-set``: which keys count, and who knows."""

import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cloudassist import installation
from cloudassist.dispatch.warrants import Warrants
from cloudassist.duties import key_set as keeper
from cloudassist.errors import ConfigurationError, MessageError
from cloudassist.keyring import AgreementKey, SigningKey, create_key
from cloudassist.keyset import FOREVER_MS, KeySet, Root, TrustedKey
from cloudassist.plugin import Mistake, options, output
from cloudassist.plugin.connection import settings_of
from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations, retention
from cloudassist.store import key_set as calls
from cloudassist.store.invocations import READ_CHUNK
from cloudassist.store.ledger import Ledger

_DAY_MS = 86_400_000

published = click.option("--publish", is_flag=True, help="Put it on the server at once.")
file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group(name="key-set")
def key_set() -> None:
    """Say which keys count. Every change is signed by the root key; agents learn of it within half a minute.

    To replace a signing key: add the new one and publish; when `show` says that all instances know, give producers and
    dispatch the new key file; `reseal`; then revoke the old one and publish. To replace the report key: put a new first
    line in its file, restart the control workers one after the other, then `report` and publish; the old line may go
    when `show` says that all know.

    Example: cloudassist key-set add new-signing.key --publish
    """


@key_set.command
@options.as_json
@click.pass_context
def show(context: click.Context, *, as_json: bool) -> None:
    """Show the keys that count, and how many instances that are online know which version.

    Example: cloudassist key-set show
    """
    settings = settings_of(context)
    root = Root.of(settings)
    with Ledger.of(settings) as ledger:
        document = ledger.call(calls.read())
        known = _known_versions(ledger)
    if document is None:
        raise ConfigurationError("there is no key set on the server; `assist key-set publish` puts it there")
    try:
        keys = KeySet.open(document, root)
    except MessageError as error:
        raise ConfigurationError(f"the key set on the server is not signed by {root.format()}: {error}") from None
    rows = [(key.kid, _moment(key.not_before), _moment(key.not_after)) for key in keys.signing]
    if as_json:
        signing = [{"KeyId": kid, "NotBefore": start, "NotAfter": end} for kid, start, end in rows]
        output.show_json({"Version": keys.version, "Signing": signing, "KnownBy": known})
        return
    click.echo(f"version {keys.version}; the signing keys that count:")
    output.show_table(("key", "from", "until"), rows)
    for version, count in sorted(known.items()):
        click.echo(f"version {version} is known by {count} instances")


@key_set.command
@file
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="It counts for so many days (no end).")
@published
@click.pass_context
def add(context: click.Context, *, file: Path, days: float | None, publish: bool) -> None:
    """Let a signing key count; its file is made where it is not there.

    Example: cloudassist key-set add new-signing.key --publish
    """
    create_key(file, "signing")
    until = FOREVER_MS if days is None else int(1000 * time.time() + days * _DAY_MS)
    key = TrustedKey(SigningKey.load(file).public, not_after=until)

    def change(keys: KeySet) -> KeySet:
        others = tuple(each for each in keys.signing if each.kid != key.kid)
        return replace(keys, signing=(*others, key))

    _change(settings_of(context), change, publish=publish)
    click.echo(f"{key.kid} counts")


@key_set.command
@click.argument("kid")
@click.option("--force", is_flag=True, help="Also where recurring tasks were ordered under it, which then end.")
@published
@click.pass_context
def revoke(context: click.Context, *, kid: str, force: bool, publish: bool) -> None:
    """Let a signing key count no more: whatever it has signed is refused from then on.

    Example: cloudassist key-set revoke 0f3c5d9be1a27a44 --publish
    """
    settings = settings_of(context)
    if publish and not force:
        with Ledger.of(settings) as ledger:
            count = sum(under == kid for under in _signers(ledger).values())
        if count:
            raise Mistake(
                f"{count} recurring tasks were ordered under {kid} and would not run any more; "
                "`key-set reseal` signs them anew, --force revokes it nevertheless"
            )

    def change(keys: KeySet) -> KeySet:
        left = tuple(key for key in keys.signing if key.kid != kid)
        if len(left) == len(keys.signing):
            raise Mistake(f"{kid} is not in the key set; it has {', '.join(key.kid for key in keys.signing)}")
        if not left:
            raise Mistake(f"{kid} is the only key; add its successor first")
        return replace(keys, signing=left)

    _change(settings, change, publish=publish)
    click.echo(f"{kid} is revoked")


@key_set.command
@click.pass_context
def reseal(context: click.Context) -> None:
    """Sign the recurring tasks anew that were ordered under an older key than the signing key here.

    Example: cloudassist key-set reseal
    """
    settings = settings_of(context)
    key = SigningKey.load(settings.signing_key_file)
    with Ledger.of(settings) as ledger:
        before = _signers(ledger)
        names = list(before)
        warrants = Warrants(ledger, key, Root.of(settings))
        for start in range(0, len(names), READ_CHUNK):
            warrants.of(names[start : start + READ_CHUNK])
        after = _signers(ledger)
    changed = sum(after.get(name) != kid for name, kid in before.items())
    click.echo(f"{changed} of {len(before)} recurring tasks were signed anew by {key.kid}")


@key_set.command
@published
@click.pass_context
def report(context: click.Context, *, publish: bool) -> None:
    """Let instances report under the current report key, the first one in its file.

    Example: cloudassist key-set report --publish
    """
    settings = settings_of(context)
    public = AgreementKey.load(settings.report_key_file, "report").public
    _change(settings, lambda keys: replace(keys, report=public), publish=publish)
    click.echo("the report key is changed")


@key_set.command
@click.pass_context
def publish(context: click.Context) -> None:
    """Put the key set on the server, unless that has one that is as new. Control workers that have the file do so, too.

    Example: cloudassist key-set publish
    """
    _publish(settings_of(context))


def _change(settings: Settings, change: Callable[[KeySet], KeySet], *, publish: bool) -> None:
    """Change the key set in its file, and the one on the server if that is asked for."""
    root = SigningKey.load(settings.root_key_file, "root")
    keys, _ = KeySet.load(settings.key_set_file, Root(root.public))
    installation.save(settings, replace(change(keys), version=keys.version + 1), root)
    if publish:
        _publish(settings)


def _publish(settings: Settings) -> None:
    with Ledger.of(settings) as ledger:
        version = keeper.publish(ledger, settings.key_set_file, Root.of(settings))
    click.echo(f"version {version} is on the server" if version else "the server has one that is as new")


def _signers(ledger: Ledger) -> dict[str, str]:
    """Return the recurring tasks that go on, each with the key under which it was ordered."""
    found: dict[str, str] = {}
    start = 0
    while names := ledger.call(retention.page_schedules(start, READ_CHUNK)):
        start += len(names)
        for name, fields in zip(
            names, ledger.run([invocations.read_fields(each, "warrant") for each in names]), strict=True
        ):
            with suppress(ValueError, LookupError, TypeError):
                found[name] = str(json.loads(fields["warrant"])[0])
    return found


def _known_versions(ledger: Ledger) -> dict[int, int]:
    """Return how many instances that are online know each version of the key set."""
    counted: Counter[int] = Counter()
    names = [""]
    while names := ledger.call(instances.page(names[-1], READ_CHUNK)):
        answers: list[Any] = ledger.run([instances.read_presence(name) for name in names])
        for sign in filter(None, answers):
            with suppress(MessageError):
                counted[Presence.decode(sign).keys] += 1
    return dict(counted)


def _moment(ms: int) -> str:
    if ms in {0, FOREVER_MS}:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
