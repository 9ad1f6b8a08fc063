"""CloneCommand: keep a changed copy of a command (overview, "Clone a command")."""

from typing import Unpack

from cloudassist.content_encoding import ContentEncoding
from cloudassist.models.command import Command
from cloudassist.operations import arguments, not_built
from cloudassist.operations.definition import Definition, kept_name
from cloudassist.operations.describe_commands import known_fields
from cloudassist.operations.keeping import KeepRequest, keep
from cloudassist.operations.not_built import CommandNotBuilt
from cloudassist.operations.run_command import new_token
from cloudassist.operations.steps import Context, Operation


def clone_command(
    context: Context,
    command_id: str,
    *,
    name: str | None = None,
    description: str | None = None,
    type: str | None = None,  # noqa: A002 - the API's name
    command_content: str | None = None,
    content_encoding: str = "PlainText",
    working_dir: str | None = None,
    timeout: int | None = None,
    enable_parameter: bool | None = None,
    client_token: str | None = None,
    **refused: Unpack[CommandNotBuilt],
) -> Operation[Command]:
    """Keep a copy of a command with some attributes changed (overview, "Clone a command").

    What is not given is taken from the command. The copy's ``version`` is one above it, its ``cloned_from`` names it.

    Raises as create_command does, and NotFoundError (InvalidCmdId.NotFound).
    """
    settings = context.settings
    not_built.refuse("clone_command", CommandNotBuilt, refused)
    token = new_token() if client_token is None else arguments.client_token(client_token)
    fields = yield from known_fields(command_id)
    source = Definition.of(fields)
    enable = source.enable_parameter if enable_parameter is None else enable_parameter
    plain = ContentEncoding.PLAIN_TEXT.value
    request = KeepRequest(
        operation="CloneCommand",
        definition=Definition.check(
            settings,
            command_content=source.content if command_content is None else command_content,
            content_encoding=plain if command_content is None else content_encoding,
            type=source.type if type is None else type,
            name=kept_name(source.name if name is None else name, settings),
            description=source.description if description is None else description,
            working_dir=source.working_dir if working_dir is None else working_dir,
            timeout=source.timeout if timeout is None else timeout,
            enable_parameter=arguments.flag("enable_parameter", enable),
        ),
        client_token=token,
        version=int(fields["version"]) + 1,
        cloned_from=command_id,
    )
    return (yield from keep(context, request))
