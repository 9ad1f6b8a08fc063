"""``assist watch``: what the scripts of a run write, live, then what became of it."""

import click

from cloudassist.plugin import options
from cloudassist.plugin.connection import assistant_of
from cloudassist.plugin.following import Showing, conclude


@click.command
@click.argument("invoke_id")
@options.as_json
@click.pass_context
def watch(context: click.Context, *, invoke_id: str, as_json: bool) -> None:
    """Follow the run INVOKE_ID to its end: what its scripts write, then the results. Its exit code is that of `run`.

    Example: cloudassist watch t-9f86d081884c7d65
    """
    with assistant_of(context) as assistant:
        invocation = assistant.invocation(invoke_id)
        conclude(context, invocation, Showing(as_json=as_json, follow=True))
