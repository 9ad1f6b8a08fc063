"""CreateCommand: keep a script to be run later (API a.2)."""

from typing import Unpack

from cloudassist.models.command import Command
from cloudassist.operations import arguments, not_built
from cloudassist.operations.definition import Definition, kept_name
from cloudassist.operations.keeping import KeepRequest, keep
from cloudassist.operations.not_built import CommandNotBuilt
from cloudassist.operations.run_command import new_token
from cloudassist.operations.steps import Context, Operation


def create_command(
    context: Context,
    command_content: str,
    *,
    name: str,
    type: str = "RunShellScript",  # noqa: A002 - the API's name
    description: str = "",
    working_dir: str = "",
    timeout: int | None = None,
    enable_parameter: bool = False,
    content_encoding: str = "PlainText",
    client_token: str | None = None,
    **refused: Unpack[CommandNotBuilt],
) -> Operation[Command]:
    """Keep a script as a command, to be run with invoke_command (API a.2).

    ``timeout`` is in seconds (60). With ``enable_parameter`` the ``{{names}}`` in the script are its parameters, at
    most 20. The same ``client_token`` with the same arguments returns the same command.

    Raises InvalidParameterError and its kinds (CmdCount.ExceedQuota where as many are kept as may be), ConflictError,
    ServiceUnavailableError.
    """
    settings = context.settings
    not_built.refuse("create_command", CommandNotBuilt, refused)
    request = KeepRequest(
        operation="CreateCommand",
        definition=Definition.check(
            settings,
            command_content=command_content,
            content_encoding=content_encoding,
            type=type,
            name=kept_name(name, settings),
            description=description,
            working_dir=working_dir,
            timeout=timeout,
            enable_parameter=arguments.flag("enable_parameter", enable_parameter),
        ),
        client_token=new_token() if client_token is None else arguments.client_token(client_token),
    )
    return (yield from keep(context, request))
