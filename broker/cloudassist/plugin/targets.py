"""Where a run goes, as the command line names it."""

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from cloudassist.client import Assistant
from cloudassist.plugin.options import pairs

F = TypeVar("F", bound=Callable[..., Any])

ANY_TEXT: Final = "*"


def targets(function: F) -> F:
    """Add the options that name instances or choose them."""
    options = (
        click.option(
            "-i", "--instance", "instances", multiple=True, help="An instance, or several by a name with *; repeatable."
        ),
        click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Run where this tag is; repeatable."),
        click.option("--all", "everywhere", is_flag=True, help="Run on every registered instance, after a question."),
        click.option("--yes", "sure", is_flag=True, help="Do not ask."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def chosen(
    assistant: Assistant, instances: tuple[str, ...], tags: tuple[str, ...], *, everywhere: bool, sure: bool
) -> dict[str, Any]:
    """Return the arguments that say where a run goes; raises UsageError, and Abort where the answer is no."""
    if sum(map(bool, (instances, tags, everywhere))) > 1:
        raise click.UsageError("--instance, --tag and --all exclude each other")
    if everywhere:
        return {"instance_ids": _everywhere(assistant, sure=sure)}
    if tags:
        return {"resource_tags": pairs("--tag", tags)}
    if not instances:
        raise click.UsageError("name the instances with --instance, choose them with --tag, or take --all")
    return {"instance_ids": [name for given in instances for name in _named(assistant, given)]}


def _named(assistant: Assistant, given: str) -> list[str]:
    if ANY_TEXT not in given:
        return [given]
    found = [instance.instance_id for instance in assistant.describe_instances(instance_name=given).all()]
    if not found:
        raise click.UsageError(f"no instance is called {given}")
    return found


def _everywhere(assistant: Assistant, *, sure: bool) -> list[str]:
    found = list(assistant.describe_instances().all())
    if not found:
        raise click.UsageError("no instance is registered")
    if not sure:
        if not sys.stdin.isatty():
            raise click.UsageError("--all needs --yes where nobody can be asked")
        online = sum(instance.online for instance in found)
        click.confirm(f"Run on all {len(found)} registered instances ({online} online)?", abort=True, err=True)
    return [instance.instance_id for instance in found]
