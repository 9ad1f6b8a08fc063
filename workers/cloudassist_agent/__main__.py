"""``cloudassist-agent``: starts an agent without loading Celery's command line, in three quarters of its memory."""

import argparse
import logging
from collections.abc import Sequence

from cloudassist.errors import ConfigurationError
from cloudassist.settings import read
from cloudassist_agent.settings import AgentSettings
from cloudassist_agent.worker import make_app


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run; exits with 2 for a mistake in it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = read(
            AgentSettings,
            url=options.url,
            instance_id=tuple(options.instance_id) or None,
            tags=tuple(options.tag) or None,
        )
        app = make_app(settings)
    except ConfigurationError as error:
        parser.error(error.message)
    worker = app.Worker(loglevel=options.loglevel, quiet=True)
    worker.start()
    raise SystemExit(worker.exitcode)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cloudassist-agent", description="Stand for an instance of Cloud Assistant.")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run the agent in the foreground")
    run.add_argument("--url", help="the server (default: $CLOUDASSIST_URL)")
    run.add_argument(
        "--instance-id", action="append", default=[], metavar="ID", help="the instance; several only for trials"
    )
    run.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="a tag of the instance")
    run.add_argument(
        "--loglevel", default="INFO", choices=list(logging.getLevelNamesMapping()), help="what is logged (INFO)"
    )
    return parser


if __name__ == "__main__":
    main()
