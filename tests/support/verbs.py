"""The verbs of the command line, run in this process: starting celery for each would take half a second."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace

from click.testing import CliRunner

from cloudassist.control.application import make_app
from cloudassist.control.settings import ControlSettings
from cloudassist.plugin import assist
from cloudassist.settings import read


@dataclass(frozen=True)
class Done:
    """How a call ended."""

    returncode: int
    stdout: str
    stderr: str


def run(environment: Mapping[str, str], *arguments: str, text: str | None = None) -> Done:
    """Run a verb with the settings of an environment."""
    context = SimpleNamespace(app=make_app(read(ControlSettings, environment)))
    result = CliRunner().invoke(assist, arguments, obj=context, input=text)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)
