"""``assist acl``: the users of the server, printed as an ACL file or applied to it."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from cloudassist import access, topology
from cloudassist.access import User
from cloudassist.address import database_of
from cloudassist.errors import ConfigurationError
from cloudassist.plugin.connection import settings_of
from cloudassist.settings import Settings
from cloudassist.store import instances, users
from cloudassist.store.ledger import Ledger

_PASSWORD = "password"  # noqa: S105 - the name of a file


@click.command
@click.option("-i", "--instance", "instance_ids", multiple=True, help="An instance that gets a user; repeatable.")
@click.option("--roles", "with_roles", is_flag=True, help="The roles, too (what is meant where no instance is named).")
@click.option("--passwords", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder of DIR/USER/password, each made where it is missing.")  # fmt: skip
@click.option("--keep", "kept", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Keep the other users that this ACL file has: those that were enrolled meanwhile.")  # fmt: skip
@click.option("--remote-control", is_flag=True, help="Let `celery inspect` reach the instances.")
@click.option("--apply", "applied", is_flag=True, help="Make the users on the server instead of printing them.")
@click.pass_context
def acl(
    context: click.Context,
    *,
    instance_ids: tuple[str, ...],
    with_roles: bool,
    passwords: Path | None,
    kept: Path | None,
    remote_control: bool,
    applied: bool,
) -> None:
    """Print the users of the server as its ACL file has them, or apply them as an administrator.

    There is one for each role, and one, agent.ID, for each instance that is named. With the roles comes a user `admin`
    that may do everything, and the end of the nameless default user. Applying without --passwords renews the rules of
    users that exist, which a new version may need, and leaves their passwords. An agent then uses
    redis://agent.ID@HOST:PORT/0 with CLOUDASSIST_PASSWORD_FILE.

    Example: cloudassist acl --passwords passwords --roles -i web-1 > users.acl
    """
    settings = settings_of(context)
    roles = with_roles or not instance_ids
    wanted = _users(settings, instance_ids, roles=roles, remote_control=remote_control)
    if applied:
        with Ledger.of(settings) as ledger:
            _apply(ledger, wanted, passwords)
        return
    if passwords is None:
        raise click.UsageError("an ACL file needs passwords; name their folder with --passwords")
    if roles:
        click.echo("user default off")
        wanted.insert(0, access.user(access.Role.ADMIN))
    before = kept.read_text(encoding="ascii") if kept is not None and kept.exists() else ""
    for user in wanted:
        click.echo(user.line(_password(passwords, user)))
    for line in access.others(before, {user.name for user in wanted}):
        click.echo(line)


def _users(settings: Settings, instance_ids: Sequence[str], *, roles: bool, remote_control: bool) -> list[User]:
    database = database_of(settings.url)
    found = [access.user(role, database=database) for role in access.ROLES] if roles else []
    return found + [
        access.agent(topology.check_instance_id(instance_id), database=database, remote_control=remote_control)
        for instance_id in instance_ids
    ]


def _apply(ledger: Ledger, wanted: Sequence[User], passwords: Path | None) -> None:
    """Make or renew the users. The functions are loaded as well: besides control nobody else may do that."""
    known = ledger.call(users.names())
    missing = [user.name for user in wanted if user.name not in known]
    if missing and passwords is None:
        raise ConfigurationError(f"{', '.join(missing[:5])} cannot be made without a password; see --passwords")
    ledger.call(instances.read_enrolments([]))
    for user in wanted:
        password = None if passwords is None else _password(passwords, user)
        (refusal,) = ledger.try_all([users.write(user.name, user.words(password))])
        if refusal is not None:
            raise click.ClickException(f"the server does not take the rights of {user.name}; is it too old? {refusal}")
        click.echo(f"{user.name} {'made' if user.name in missing else 'renewed'}")
    (saved,) = ledger.try_all([users.save()])
    if isinstance(saved, Exception):
        click.echo(f"the server does not keep its users over a restart: {saved}", err=True)


def _password(folder: Path, user: User) -> str:
    """Return a user's password; made where there is none."""
    path = folder / user.name / _PASSWORD
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    password = access.new_password()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(password + "\n")
    return password
