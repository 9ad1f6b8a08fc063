"""DeleteActivation (API a.17)."""

from cloudassist.models.activation import Activation
from cloudassist.operations import petitioning
from cloudassist.operations.audited import audited
from cloudassist.operations.describe_activations import check_id, known_activation
from cloudassist.operations.steps import Context, Operation
from cloudassist.petition import Wish
from cloudassist.store.audit import Act


def delete_activation(context: Context, activation_id: str) -> Operation[Activation]:
    """Delete an activation of which no instance is registered; returns what it was.

    Raises NotFoundError (InvalidActivation.NotFound), ConflictError (InvalidOperation.ActivationInUse),
    ServiceUnavailableError.
    """
    act = Act(caller=context.caller, operation=Wish.DELETE_ACTIVATION, subject=(check_id(activation_id),))
    return (yield from audited(act, _delete(context, activation_id, act)))


def _delete(context: Context, activation_id: str, act: Act) -> Operation[Activation]:
    found = yield from known_activation(activation_id)
    yield from petitioning.ask(context, Wish.DELETE_ACTIVATION, activation_id, act)
    return found
