"""Showing recurring runs."""

from collections import Counter

import click

from cloudassist import expressions
from cloudassist.client import Assistant
from cloudassist.models.base import api_time
from cloudassist.models.invocation import InvocationSummary
from cloudassist.plugin import output


def tell_recurring(assistant: Assistant, invoke_id: str, *, as_json: bool) -> None:
    """Show the id of a recurring run that has begun, and when it runs."""
    (row,) = assistant.describe_invocations(invoke_id=invoke_id)
    if as_json:
        ids = {"InvokeId": row.invoke_id, "CommandId": row.command_id}
        output.show_json({**ids, "Frequency": row.frequency, "NextTime": api_time(row.next_time)})
    else:
        click.echo(row.invoke_id)
        click.echo(f"{in_words(row)}; next at {api_time(row.next_time)}", err=True)


def in_words(row: InvocationSummary) -> str:
    """Return when a recurring run runs."""
    return expressions.parse(row.frequency, row.time_zone).sentence


def last_results(row: InvocationSummary) -> str:
    """Return how the last run went on the instances that are shown, the most frequent result first."""
    ended = [each for each in row.invoke_instances if each.finish_time is not None]
    results = Counter(each.error_code or f"exit {each.exit_code}" for each in ended)
    return ", ".join(f"{count} times {result}" if len(ended) > 1 else result for result, count in results.most_common())
