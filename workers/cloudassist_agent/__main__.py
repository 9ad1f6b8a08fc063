"""``cloudassist-agent``: an agent, or its daemon, without Celery's command line: in three quarters of the memory."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from cloudassist import loading
from cloudassist.errors import CloudAssistError, ConfigurationError, ServiceUnavailableError
from cloudassist.settings import PREFIX
from cloudassist_agent.settings import AgentSettings, read_settings

REFUSED: Final = 3
UNAVAILABLE: Final = 75
"""As EX_TEMPFAIL of sysexits.h: the same call may succeed later."""
_STDIN: Final = "-"
_REGISTER_EXAMPLE: Final = """\
example:
  cloudassist-agent register --url redis://server:6379/0 --activation-id 1E4F2C7A-… --activation-code - < code

The code can also be in $CLOUDASSIST_ACTIVATION_CODE, so that nobody sees it among the processes, and the id in
$CLOUDASSIST_ACTIVATION_ID. Exit codes: 0 enrolled (also where it was already), 2 a mistake, 3 refused, 75 not now.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and do what it says; exits with 2 for a mistake in it.

    3 says that what was asked for was refused, 75 that the server could not be reached.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.function(options)
    except ConfigurationError as error:
        parser.error(error.message)
    except CloudAssistError as error:
        parser.exit(UNAVAILABLE if isinstance(error, ServiceUnavailableError) else REFUSED, f"{parser.prog}: {error}\n")


def _run(options: argparse.Namespace) -> None:
    settings = _settings(options)
    # What an agent needs is not loaded by its daemon.
    with loading.for_good():
        worker = import_module("cloudassist_agent.worker")
    worker.main(settings, options.loglevel)


def _watch(options: argparse.Namespace) -> None:
    if sys.platform == "win32":
        raise ConfigurationError("the daemon is for Linux; on Windows the service manager restarts the agent")
    settings = _settings(options)
    import_module("cloudassist_agent.daemon.watch").main(settings, options.unit)


def _register(options: argparse.Namespace) -> None:
    _keep(options)
    enrolling = import_module("cloudassist_agent.enrolling")
    activation_id = options.activation_id or os.environ.get(f"{PREFIX}ACTIVATION_ID", "")
    code = options.activation_code or os.environ.get(f"{PREFIX}ACTIVATION_CODE", "")
    outcome = enrolling.register(
        os.environ, activation_id, sys.stdin.readline() if code == _STDIN else code, options.name
    )
    enrolment = outcome.enrolment
    if options.json:
        told = {"InstanceId": enrolment.instance_id, "Epoch": enrolment.epoch, "New": outcome.new}
        _tell([json.dumps(told)])
        return
    _tell([f"{enrolment.instance_id} {'is' if outcome.new else 'was already'} enrolled at {enrolment.url}"])


def _install(options: argparse.Namespace) -> None:
    settings = _settings(options)
    _tell(import_module("cloudassist_agent.service.here").install(settings, os.environ, options.root))


def _uninstall(options: argparse.Namespace) -> None:
    _tell(import_module("cloudassist_agent.service.here").uninstall(options.root))


def _start(options: argparse.Namespace) -> None:
    _tell(_background().start(_settings(options)))


def _stop(options: argparse.Namespace) -> None:
    _tell(_background().stop(_settings(options)))


def _background() -> Any:
    if sys.platform == "win32":
        raise ConfigurationError("on Windows the agent is a service: see install-service")
    return import_module("cloudassist_agent.daemon.background")


def _serve(options: argparse.Namespace) -> None:
    settings = _settings(options)
    import_module("cloudassist_agent.service.windows").run(settings)


def _tell(lines: Sequence[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _settings(options: argparse.Namespace) -> AgentSettings:
    """Read the settings; what the command line says goes into the environment, for the agent of a daemon."""
    _keep(options, INSTANCE_ID=",".join(options.instance_id), TAGS=",".join(options.tag))
    return read_settings()


def _keep(options: argparse.Namespace, **settings: str) -> None:
    """Put what the command line says into the environment."""
    given = {"URL": options.url, "STATE_DIR": options.state_dir, **settings}
    os.environ.update({PREFIX + name: str(value) for name, value in given.items() if value})


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
    _add_register(commands)
    _command(commands, "start", _start, "start agent and daemon in the background, where nothing else starts them")
    _command(commands, "stop", _stop, "end what was started in the background, when its scripts have ended")
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


def _add_register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "register",
        help="make this machine an instance, by an activation's code",
        epilog=_REGISTER_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=_register)
    _add_place(parser)
    parser.add_argument("--activation-id", metavar="ID", help="which activation")
    parser.add_argument("--activation-code", metavar="CODE", help="its code; - reads it from standard input")
    parser.add_argument(
        "--name", default="", help="what the instance is to be called (default: as the activation says)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="the server (default: $CLOUDASSIST_URL)")
    parser.add_argument("--state-dir", metavar="DIR", help="the state folder (default: $CLOUDASSIST_STATE_DIR)")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Callable[[argparse.Namespace], None],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text)
    parser.set_defaults(function=function)
    _add_place(parser)
    parser.add_argument(
        "--instance-id", action="append", default=[], metavar="ID", help="the instance; several only for trials"
    )
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="a tag of the instance")
    return parser


if __name__ == "__main__":
    main()
