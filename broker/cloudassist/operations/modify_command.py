"""ModifyCommand: the name and the description of a command (API a.8; overview, "Operations")."""

from cloudassist.errors import InvalidParameterError, NotSupportedError
from cloudassist.operations.arguments import pascal
from cloudassist.operations.audited import audited
from cloudassist.operations.definition import kept_name, label
from cloudassist.operations.describe_commands import check_id, not_found
from cloudassist.operations.steps import Context, Operation
from cloudassist.request import Word
from cloudassist.store import commands
from cloudassist.store.audit import Act


def modify_command(
    context: Context, /, command_id: str, *, name: str | None = None, description: str | None = None, **fixed: object
) -> Operation[None]:
    """Change the name and the description of a command (overview); what is planned already keeps what it had.

    Raises NotSupportedError for every other attribute: clone_command makes a command with that changed.
    NotFoundError (InvalidCmdId.NotFound), InvalidParameterError and its kinds, ServiceUnavailableError.
    """
    for field in fixed:
        raise NotSupportedError(
            "InvalidParameter.NotSupported",
            f"{field} ({pascal(field)}) of a command cannot be modified; clone_command makes a new version with it "
            "changed",
        )
    fields: dict[str, Word] = {}
    if name is not None:
        fields["name"] = kept_name(name, context.settings)
    if description is not None:
        fields["description"] = label("description", description, context.settings)
    if not fields:
        raise InvalidParameterError("MissingParameter.Name", "give a name or a description to change")
    act = Act(caller=context.caller, operation="ModifyCommand", subject=(check_id(command_id),))
    yield from audited(act, _modify(command_id, fields, act))


def _modify(command_id: str, fields: dict[str, Word], act: Act) -> Operation[None]:
    (changed,) = yield [commands.modify(command_id, fields, act)]
    if not changed:
        raise not_found(command_id)
