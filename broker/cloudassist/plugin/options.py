"""Options that several verbs have."""

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

STDIN: Final = "-"

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def targets(function: F) -> F:
    """Add the options that name instances or choose them by tags."""
    tag = click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Run where this tag is; repeatable.")
    name = click.option("-i", "--instance", "instances", multiple=True, help="An instance to run on; repeatable.")
    return name(tag(function))


def running(function: F) -> F:
    """Add the options that say how a run goes."""
    options = (
        click.option(
            "-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A value for {{NAME}}; repeatable."
        ),
        click.option("--frequency", help="Run it again and again: rate(30s), at(…), or cron with seconds."),
        click.option("--username", default="", help="The user to run as (default: the agent's)."),
        click.option("--client-token", help="Repeated with the same arguments, it starts nothing again."),
        click.option("--no-wait", is_flag=True, help="Print the id and return at once."),
        click.option("--follow", is_flag=True, help="Show what the scripts write while they run."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def chosen(instances: tuple[str, ...], tags: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments that say where a run goes."""
    if instances and tags:
        raise click.UsageError("--instance and --tag exclude each other")
    if not instances and not tags:
        raise click.UsageError("name the instances with --instance, or choose them with --tag")
    return {"instance_ids": instances} if instances else {"resource_tags": pairs("--tag", tags)}


def pairs(option: str, given: tuple[str, ...]) -> dict[str, str]:
    """Return what was given as NAME=VALUE, each name once."""
    found: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise click.UsageError(f"{option} is NAME=VALUE; it is {text!r}")
        if name in found:
            raise click.UsageError(f"{option} gives {name!r} twice")
        found[name] = value
    return found


def script(text: str) -> str:
    """Return the script that was given; "-" stands for what standard input has."""
    return sys.stdin.read() if text == STDIN else text
