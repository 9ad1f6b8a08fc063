"""DisableActivation (API a.17)."""

from cloudassist.models.activation import Activation
from cloudassist.operations import petitioning
from cloudassist.operations.audited import audited
from cloudassist.operations.describe_activations import check_id, known_activation
from cloudassist.operations.steps import Context, Operation
from cloudassist.petition import Wish
from cloudassist.store.audit import Act


def disable_activation(context: Context, activation_id: str) -> Operation[Activation]:
    """Let an activation be of no use from now on; the instances that were enrolled with it stay. Returns it.

    Raises NotFoundError (InvalidActivation.NotFound), ServiceUnavailableError.
    """
    act = Act(caller=context.caller, operation=Wish.DISABLE_ACTIVATION, subject=(check_id(activation_id),))
    yield from audited(act, petitioning.ask(context, Wish.DISABLE_ACTIVATION, activation_id, act))
    return (yield from known_activation(activation_id))
