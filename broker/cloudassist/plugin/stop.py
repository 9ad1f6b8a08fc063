"""``assist stop``: stop a run."""

import click

from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of


@click.command
@click.argument("invoke_id")
@click.option("-i", "--instance", "instances", multiple=True, help="Stop it on this instance only; repeatable.")
@options.as_json
@click.pass_context
def stop(context: click.Context, *, invoke_id: str, instances: tuple[str, ...], as_json: bool) -> None:
    """Stop the run INVOKE_ID, on all instances or on some.

    Example: cloudassist stop t-9f86d081884c7d65
    """
    with assistant_of(context) as assistant:
        assistant.stop_invocation(invoke_id, instances or None)
        status = assistant.invocation(invoke_id).refresh().status
    if as_json:
        output.show_json({"InvokeId": invoke_id, "InvokeStatus": status})
    else:
        click.echo(f"{invoke_id} {status}")
