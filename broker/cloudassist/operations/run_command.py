"""RunCommand: make a command and run it, in one call (API a.1)."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Unpack

from cloudassist.operations import arguments, not_built, recurrence, targets, values
from cloudassist.operations.definition import Definition, kept_name
from cloudassist.operations.not_built import RunNotBuilt
from cloudassist.operations.planning import Planned, plan
from cloudassist.operations.run_request import RunRequest
from cloudassist.operations.steps import Context, Operation


def run_command(
    context: Context,
    command_content: str,
    *,
    type: str = "RunShellScript",  # noqa: A002 - the API's name
    instance_ids: Sequence[str] | None = None,
    resource_tags: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    enable_parameter: bool | None = None,
    secret_parameters: Sequence[str] | None = None,
    timeout: int | None = None,
    working_dir: str = "",
    username: str = "",
    windows_password_name: str | None = None,
    name: str = "",
    description: str = "",
    content_encoding: str = "PlainText",
    keep_command: bool = False,
    repeat_mode: str | None = None,
    frequency: str | None = None,
    timed: bool | None = None,
    deliver_within: int | None = None,
    client_token: str | None = None,
    **refused: Unpack[RunNotBuilt],
) -> Operation[Planned]:
    """Run a script on instances, once or again and again; returns at once (API a.1).

    The instances are named by ``instance_ids`` or chosen by ``resource_tags``, all of which they must carry; at most
    100 (a setting). ``timeout`` is in seconds (60). ``enable_parameter`` defaults to true when ``parameters`` are
    given. The values of ``secret_parameters``, and of parameters whose names say that they are secret, are sealed to
    each instance and shown nowhere (docs/secrets.md). ``keep_command`` True keeps the command, and counts it. The same
    ``client_token`` with the same arguments returns the same run and starts nothing again.

    An instance that is offline gets a Failed record (ClientNotRunning); the others go on. With ``deliver_within``
    (seconds) it gets the order when it is back within that time; if it is not, its record fails (DeliveryTimeout).

    ``frequency`` makes the run a recurring one: ``rate(30s)``, ``at(2027-01-31 09:30:00)``, or cron with seconds as in
    ``0 30 9 ? * MON-FRI Europe/Berlin``, no more often than every ten seconds (API a.19). It goes on until it is
    stopped.

    Raises InvalidParameterError and its kinds, ConflictError, ConfigurationError, ServiceUnavailableError.
    """
    settings = context.settings
    not_built.refuse("run_command", RunNotBuilt, refused)
    keep = arguments.flag("keep_command", keep_command)
    definition = Definition.check(
        settings,
        command_content=command_content,
        content_encoding=content_encoding,
        type=type,
        name=kept_name(name, settings) if keep else name,
        description=description,
        working_dir=working_dir,
        timeout=timeout,
        enable_parameter=values.enabled(parameters, enable_parameter),
    )
    recurring = recurrence.check(frequency, repeat_mode, timed, settings)
    within = recurrence.check_window(recurring, arguments.deliver_within(deliver_within, settings))
    request = RunRequest(
        operation="RunCommand",
        definition=definition,
        keep_command=keep,
        targets=targets.check(instance_ids, resource_tags, settings),
        parameters=values.check(definition, parameters, settings),
        secret_names=values.secret(definition, secret_parameters, settings),
        timeout=definition.timeout,
        working_dir=definition.working_dir,
        username=arguments.username(username, settings),
        windows_password_name=arguments.windows_password_name(windows_password_name),
        frequency=recurring,
        deliver_within=within,
        client_token=new_token() if client_token is None else arguments.client_token(client_token),
    )
    return (yield from plan(context, request))


def new_token() -> str:
    """Return a token for a caller who gave none: a request that is repeated on the way is still carried out once."""
    return secrets.token_hex(16)
