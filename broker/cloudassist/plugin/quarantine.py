"""``assist quarantine``: cut an instance off."""

import click

from cloudassist import topology
from cloudassist.errors import NotFoundError
from cloudassist.plugin.connection import settings_of
from cloudassist.store import users
from cloudassist.store.ledger import Ledger


@click.command
@click.argument("instance_id")
@click.option("--end", "ended", is_flag=True, help="Let it back in.")
@click.pass_context
def quarantine(context: click.Context, *, instance_id: str, ended: bool) -> None:
    """Shut an instance out of the server at once, as an administrator; what its scripts do goes on, unheard.

    Example: cloudassist quarantine web-1
    """
    name = topology.agent_user(topology.check_instance_id(instance_id))
    with Ledger.of(settings_of(context)) as ledger:
        if name not in ledger.call(users.names()):
            raise NotFoundError("InvalidInstance.NotFound", f"the server has no user {name}")
        ledger.call(users.write(name, ["on" if ended else "off"]))
        count = 0 if ended else ledger.call(users.disconnect(name))
        ledger.try_all([users.save()])
    click.echo(f"{name} may connect again" if ended else f"{name} is locked out; {count} connections were ended")
