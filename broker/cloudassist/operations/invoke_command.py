"""InvokeCommand: run a command that was made before (API a.3)."""

from collections.abc import Mapping, Sequence
from typing import Unpack

from cloudassist.operations import arguments, not_built, recurrence, targets, values
from cloudassist.operations.describe_commands import known_command
from cloudassist.operations.not_built import RunNotBuilt
from cloudassist.operations.planning import Planned, plan
from cloudassist.operations.run_command import new_token
from cloudassist.operations.run_request import RunRequest
from cloudassist.operations.steps import Context, Operation


def invoke_command(
    context: Context,
    command_id: str,
    *,
    instance_ids: Sequence[str] | None = None,
    resource_tags: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    secret_parameters: Sequence[str] | None = None,
    timeout: int | None = None,
    working_dir: str | None = None,
    username: str = "",
    windows_password_name: str | None = None,
    repeat_mode: str | None = None,
    frequency: str | None = None,
    timed: bool | None = None,
    deliver_within: int | None = None,
    client_token: str | None = None,
    **refused: Unpack[RunNotBuilt],
) -> Operation[Planned]:
    """Run a command on instances, once or again and again; returns at once (API a.3).

    ``timeout`` (seconds) and ``working_dir`` replace the command's for this run only. A command with parameters must be
    given ``parameters``; those that are left out become empty. ``frequency``, ``deliver_within`` and
    ``secret_parameters`` are those of ``run_command``.

    Raises InvalidParameterError and its kinds, ConflictError, ConfigurationError, ServiceUnavailableError.
    """
    settings = context.settings
    not_built.refuse("invoke_command", RunNotBuilt, refused)
    chosen = targets.check(instance_ids, resource_tags, settings)
    user = arguments.username(username, settings)
    password_name = arguments.windows_password_name(windows_password_name)
    token = new_token() if client_token is None else arguments.client_token(client_token)
    own_timeout = None if timeout is None else arguments.timeout(timeout, settings)
    own_folder = None if working_dir is None else arguments.working_dir(working_dir, settings)
    recurring = recurrence.check(frequency, repeat_mode, timed, settings)
    within = recurrence.check_window(recurring, arguments.deliver_within(deliver_within, settings))
    definition = yield from known_command(command_id)
    values.required(definition, parameters)
    request = RunRequest(
        operation="InvokeCommand",
        definition=definition,
        command_id=command_id,
        targets=chosen,
        parameters=values.check(definition, parameters, settings),
        secret_names=values.secret(definition, secret_parameters, settings),
        timeout=definition.timeout if own_timeout is None else own_timeout,
        working_dir=definition.working_dir if own_folder is None else own_folder,
        username=user,
        windows_password_name=password_name,
        frequency=recurring,
        deliver_within=within,
        client_token=token,
    )
    return (yield from plan(context, request))
