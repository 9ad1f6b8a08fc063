"""DeregisterManagedInstance: let an instance go, at once and for good (API a.17)."""

from cloudassist.error_code import ErrorCode
from cloudassist.models.instance import Instance
from cloudassist.operations import arguments, petitioning
from cloudassist.operations.audited import audited
from cloudassist.operations.instance_rows import known_instance
from cloudassist.operations.steps import Context, Operation
from cloudassist.petition import Wish
from cloudassist.store import instances, invocations, sweeps
from cloudassist.store.audit import Act
from cloudassist.topology import check_instance_id


def deregister_managed_instance(
    context: Context, instance_id: str, *, client_token: str | None = None
) -> Operation[Instance]:
    """Revoke an instance: it is cut off, what it says is refused, and its records that have not ended fail.

    They get the error code InstanceDeregistered; what its scripts do goes on, unheard. The id can be enrolled anew, and
    is another instance then. Returns the instance as it was. ``client_token`` is checked and says no more than the id.

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
    yield from _end_records(context, instance_id)
    return found


def _end_records(context: Context, instance_id: str) -> Operation[None]:
    """End what the instance has in hand or waiting: nobody will ever say how that ended."""
    retention_ms = int(1000 * context.settings.retention_seconds)
    (record_ids,) = yield [instances.open_records(instance_id)]
    yield [sweeps.fail(record_id, ErrorCode.INSTANCE_DEREGISTERED, retention_ms) for record_id in record_ids]
    yield [invocations.notice(name) for name in sorted({record_id.partition(".")[0] for record_id in record_ids})]
