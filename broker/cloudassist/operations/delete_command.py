"""DeleteCommand (API a.9)."""

from cloudassist.operations import refusals
from cloudassist.operations.audited import audited
from cloudassist.operations.describe_commands import check_id
from cloudassist.operations.steps import Context, Operation
from cloudassist.store import commands
from cloudassist.store.audit import Act


def delete_command(context: Context, command_id: str) -> Operation[None]:
    """Delete a command that is not in use, which makes room for another one (API a.9).

    Its runs keep its name and its script. Raises ConflictError (InvalidOperation.CommandInUse) while a run of it has
    not ended, NotFoundError (InvalidCmdId.NotFound), ServiceUnavailableError.
    """
    act = Act(caller=context.caller, operation="DeleteCommand", subject=(check_id(command_id),))
    yield from audited(act, _delete(context, command_id, act))


def _delete(context: Context, command_id: str, act: Act) -> Operation[None]:
    (refused,) = yield [commands.delete(command_id, act)]
    if refused is not None:
        raise refusals.error_of(refused, context.settings)
