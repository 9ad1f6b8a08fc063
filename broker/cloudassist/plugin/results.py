"""``assist results``: what became of a run."""

import click

from cloudassist.plugin import options, output
from cloudassist.plugin.connection import assistant_of


@click.command
@click.argument("invoke_id")
@options.as_json
@click.pass_context
def results(context: click.Context, *, invoke_id: str, as_json: bool) -> None:
    """Show how the run INVOKE_ID stands, and the result of each instance.

    Example: cloudassist results t-9f86d081884c7d65
    """
    with assistant_of(context) as assistant:
        invocation = assistant.invocation(invoke_id)
        progress = invocation.refresh()
        rows = list(invocation.results())
    if as_json:
        document = {"InvokeId": invoke_id, "InvokeStatus": progress.status, "InvocationResults": output.as_json(rows)}
        output.show_json(document)
        return
    output.show_results(rows)
    click.echo(f"{invoke_id} {output.status_line(progress)}")
