"""``assist rerun``: run what a run ran once more, where it did not go well."""

import json
from typing import Any, Final

import click

from cloudassist.client import Assistant
from cloudassist.error_code import ErrorCode
from cloudassist.models.record import InvocationResult
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of, largest_page
from cloudassist.plugin.following import Showing, conclude
from cloudassist.plugin.output import went_well
from cloudassist.secret_values import MASK
from cloudassist.status import InvocationStatus

_NOT_THERE: Final = {ErrorCode.CLIENT_NOT_RUNNING, ErrorCode.DELIVERY_TIMEOUT, ErrorCode.CLIENT_NOT_RESPONSE}


@click.command
@click.argument("invoke_id")
@click.option("--failed", "which", flag_value="failed", help="Where it failed, or its exit code was not 0.")
@click.option("--offline", "which", flag_value="offline", help="Where the instance was not there.")
@options.secret
@options.waiting
@options.as_json
@click.pass_context
def rerun(
    context: click.Context,
    *,
    invoke_id: str,
    which: str | None,
    secrets: tuple[str, ...],
    no_wait: bool,
    follow: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the script of the run INVOKE_ID once more, as a new run, on some of its instances.

    Values of secret parameters are kept nowhere: give them again with --secret.

    Exit code: as of `run`.

    Example: cloudassist rerun t-9f86d081884c7d65 --failed
    """
    if which is None:
        raise click.UsageError("say where with --failed or --offline")
    showing = Showing(no_wait=no_wait, follow=follow, quiet=quiet, as_json=as_json)
    with assistant_of(context) as assistant:
        results = assistant.describe_invocation_results(invoke_id, max_results=largest_page(context)).all()
        names = [result.instance_id for result in results if _is_meant(result, which)]
        if not names:
            click.echo(f"{invoke_id} has no such instance: nothing is run", err=True)
            if as_json:
                output.show_json({"InvokeId": None, "InvocationResults": []})
            return
        invocation = assistant.run_command(**_as_before(assistant, invoke_id, secrets), instance_ids=names)
        conclude(context, invocation, showing)


def _is_meant(result: InvocationResult, which: str) -> bool:
    if which == "offline":
        return result.error_code in _NOT_THERE
    return result.status in {InvocationStatus.FAILED, InvocationStatus.FINISHED} and not went_well(result)


def _as_before(assistant: Assistant, invoke_id: str, secrets: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of a run, but for its instances; raises UsageError where a secret value is missing."""
    (row,) = assistant.describe_invocations(invoke_id=invoke_id)
    given = options.values((), secrets)
    parameters = json.loads(row.parameters) | (given["parameters"] or {})
    missing = [name for name, value in parameters.items() if value == MASK]
    if missing:
        raise click.UsageError(f"give secret values again: {' '.join(f'--secret {name}' for name in missing)}")
    return {
        "command_content": row.command_content,
        "type": row.command_type,
        "name": row.command_name,
        "description": row.command_description,
        "timeout": row.timeout,
        "working_dir": row.working_dir,
        "username": row.username,
        "enable_parameter": row.enable_parameter,
        "parameters": parameters if row.enable_parameter else None,
        "secret_parameters": given["secret_parameters"],
    }
