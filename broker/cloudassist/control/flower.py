"""``celery -A cloudassist flower``: what it is and what it reads, unless somebody says otherwise."""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from cloudassist.control.settings import ControlSettings, Role
from cloudassist.errors import ConfigurationError
from cloudassist.settings import PREFIX, read

COMMAND: Final = "flower"
OWN_CONFIG: Final = "flowerconfig.py"
"""What Flower reads in the folder where it is started."""
CONFIG: Final = Path(__file__).parents[1] / OWN_CONFIG


def prepare(environment: MutableMapping[str, str]) -> None:
    """Have Flower look without being heard, by our configuration; does nothing for any other command.

    Celery loads an application before it says for which of its commands, so that only the words of the command line
    tell. Flower takes its options from the environment.
    """
    if COMMAND not in sys.argv[1:]:
        return
    environment.setdefault(f"{PREFIX}ROLE", Role.FLOWER)
    if not Path(OWN_CONFIG).exists():
        environment.setdefault("FLOWER_CONF", str(CONFIG))


def close_metrics() -> None:
    """Have Flower ask for the login at ``/metrics`` as at any other page, which it does not by itself."""
    from flower.views.monitor import Metrics  # noqa: PLC0415 - only Flower has it
    from tornado.web import authenticated  # noqa: PLC0415

    Metrics.get = authenticated(Metrics.get)


def logins() -> list[str]:
    """Return who may look at Flower's pages, as ``user:password``; empty where no file of them is set.

    A file that cannot be used ends the program: Flower would be open to everybody.
    """
    try:
        file = read(ControlSettings, os.environ).flower_login_file
        return [] if file is None else _lines(file)
    except ConfigurationError as error:
        raise SystemExit(f"cloudassist: {error.message}") from None


def _lines(file: Path) -> list[str]:
    name = f"{PREFIX}FLOWER_LOGIN_FILE"
    try:
        lines = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name}: {file} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        user, _, password = line.partition(":")
        if not user or not password:
            raise ConfigurationError(f"{name}: line {number} of {file} must be user:password")
    if not lines:
        raise ConfigurationError(f"{name}: {file} names nobody")
    return lines
