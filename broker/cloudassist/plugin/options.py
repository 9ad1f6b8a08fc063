"""Options that several verbs have."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from cloudassist.command_type import CommandType

F = TypeVar("F", bound=Callable[..., Any])

STDIN: Final = "-"

TYPE: Final = click.Choice([kind.value for kind in CommandType])
"""The types of script, as an option takes them."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


file = click.option("--file", type=click.Path(path_type=Path), help="The file of the script.")

secret = click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME[=@FILE]",
    help="A secret value for {{NAME}}: asked for, or read from a file; repeatable.",
)


def waiting(function: F) -> F:
    """Add the options that say what is shown of a run that goes on."""
    options = (
        click.option("--no-wait", is_flag=True, help="Print the id and return at once."),
        click.option("--follow", is_flag=True, help="Show what the scripts write while they run."),
        click.option("-q", "--quiet", is_flag=True, help="Show nothing: the exit code tells."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def running(function: F) -> F:
    """Add the options that say how a run goes."""
    options = (
        click.option(
            "-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A value for {{NAME}}; repeatable."
        ),
        secret,
        click.option("--frequency", help="Run it again and again: rate(30s), at(…), or cron with seconds."),
        click.option(
            "--deliver-within",
            type=int,
            metavar="SECONDS",
            help="Let offline instances have it when they are back within that time (default: they fail at once).",
        ),
        click.option("--username", default="", help="The user to run as (default: the agent's)."),
        click.option("--client-token", help="Repeated with the same arguments, it starts nothing again."),
        waiting,
    )
    for option in reversed(options):
        function = option(function)
    return function


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


def values(params: tuple[str, ...], secrets: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments that give parameters their values; what is secret is never written on a command line."""
    given = pairs("--param", params)
    named = [text.partition("=") for text in secrets]
    for name, separator, source in named:
        if name in given:
            raise click.UsageError(f"{name!r} is given twice")
        given[name] = _secret(name, source) if separator else click.prompt(f"{name}", hide_input=True, err=True)
    return {"parameters": given or None, "secret_parameters": [name for name, _, _ in named] or None}


def _secret(name: str, source: str) -> str:
    """Read a secret from the file that is named by @FILE; one line break at its end is not part of it."""
    if not source.startswith("@"):
        raise click.UsageError(f"--secret is NAME or NAME=@FILE: a value on the command line of {name!r} could be seen")
    try:
        return Path(source[1:]).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"the secret {name!r} cannot be read: {error}") from None


def script(text: str | None, file: Path | None) -> str:
    """Return the script that was given, or that of a file; "-" stands for what standard input has."""
    if (text is None) is (file is None):
        raise click.UsageError('give either SCRIPT, "-" for standard input, or --file')
    if file is None:
        return sys.stdin.read() if text == STDIN else str(text)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--file {file} cannot be read: {error}") from None
