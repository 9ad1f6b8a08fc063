"""DeregisterManagedInstance: let an instance go, at once and for good (API a.17)."""

from cloudassist.models.instance import Instance
from cloudassist.operations import arguments, leaving, petitioning
from cloudassist.operations.audited import audited
from cloudassist.operations.instance_rows import known_instance
from cloudassist.operations.steps import Context, Operation
from cloudassist.petition import Wish
from cloudassist.store.audit import Act
from cloudassist.topology import check_instance_id


def deregister_managed_instance(
    context: Context, instance_id: str, *, client_token: str | None = None
) -> Operation[Instance]:
    """Revoke an instance: it is cut off, what it says is refused, and its records that have not ended fail.

    They get the error code InstanceDeregistered; what its scripts do goes on, unheard. Recurring runs are stopped
    there. The id can be enrolled anew, and is another instance then. Returns the instance as it was. ``client_token``
    is checked and says no more than the id.

    Raises NotFoundError (InvalidInstance.NotFound), InvalidParameterError, ServiceUnavailableError.
    """
    if client_token is not None:
        arguments.client_token(client_token)
    checked = check_instance_id(instance_id)
    act = Act(caller=context.caller, operation=Wish.DEREGISTER_INSTANCE, instance_ids=(checked,))
    return (yield from audited(act, _deregister(context, checked, act)))


def _deregister(context: Context, instance_id: str, act: Act) -> Operation[Instance]:
    found = yield from known_instance(instance_id)
    yield from petitioning.ask(context, Wish.DEREGISTER_INSTANCE, instance_id, act)
    yield from leaving.end_runs(context, instance_id)
    return found
