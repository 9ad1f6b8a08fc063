"""``cloudassist-agent``: an agent, or its daemon, without Celery's command line: in three quarters of the memory."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from cloudassist.errors import ConfigurationError
from cloudassist.settings import PREFIX, read
from cloudassist_agent.settings import AgentSettings


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and do what it says; exits with 2 for a mistake in it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.function(options)
    except ConfigurationError as error:
        parser.error(error.message)


def _run(options: argparse.Namespace) -> None:
    settings = _settings(options)
    # What an agent needs is not loaded by its daemon.
    import_module("cloudassist_agent.worker").main(settings, options.loglevel)


def _watch(options: argparse.Namespace) -> None:
    if sys.platform == "win32":
        raise ConfigurationError("the daemon is for Linux; on Windows the service manager restarts the agent")
    settings = _settings(options)
    import_module("cloudassist_agent.daemon.watch").main(settings, options.unit)


def _install(options: argparse.Namespace) -> None:
    settings = _settings(options)
    _tell(import_module("cloudassist_agent.service.here").install(settings, os.environ, options.root))


def _uninstall(options: argparse.Namespace) -> None:
    _tell(import_module("cloudassist_agent.service.here").uninstall(options.root))


def _serve(options: argparse.Namespace) -> None:
    settings = _settings(options)
    import_module("cloudassist_agent.service.windows").run(settings)


def _tell(lines: Sequence[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _settings(options: argparse.Namespace) -> AgentSettings:
    """Read the settings; what the command line says goes into the environment, for the agent of a daemon."""
    given = {"URL": options.url, "INSTANCE_ID": ",".join(options.instance_id), "TAGS": ",".join(options.tag)}
    os.environ.update({PREFIX + name: value for name, value in given.items() if value})
    return read(AgentSettings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cloudassist-agent", description="Stand for an instance of Cloud Assistant.")
    commands = parser.add_subparsers(required=True)
    run = _command(commands, "run", _run, "run the agent in the foreground")
    run.add_argument(
        "--loglevel", default="INFO", choices=list(logging.getLevelNamesMapping()), help="what is logged (INFO)"
    )
    watch = _command(
        commands, "watch", _watch, "run the agent under its daemon, which restarts it where that is needed"
    )
    watch.add_argument("--unit", help="the systemd unit that the agent is, instead of one started from here")
    install = _command(
        commands, "install-service", _install, "make the agent a service of this machine, with these settings"
    )
    uninstall = commands.add_parser("uninstall-service", help="stop the service and remove it; the state folder stays")
    uninstall.set_defaults(function=_uninstall)
    for each in (install, uninstall):
        each.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="an image's root instead of /")
    if sys.platform == "win32":
        _command(commands, "service", _serve, "run the agent as the service manager's")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Callable[[argparse.Namespace], None],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text)
    parser.set_defaults(function=function)
    parser.add_argument("--url", help="the server (default: $CLOUDASSIST_URL)")
    parser.add_argument(
        "--instance-id", action="append", default=[], metavar="ID", help="the instance; several only for trials"
    )
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="a tag of the instance")
    return parser


if __name__ == "__main__":
    main()
