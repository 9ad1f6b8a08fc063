"""``celery -A cloudassist assist …``: the command line, one module per verb.

Every ``celery`` command imports this package, workers included, so it loads nothing but click: a verb's module is
imported when the verb is used.
"""

from importlib import import_module
from typing import Any, Final

import click

from cloudassist import loading
from cloudassist.version import __version__

VERBS: Final = {
    "init": "make the keys of an installation and print what agents are told to trust",
    "key-set": "say which keys count, and see which instances know",
    "acl": "print or apply the users of the server and their rights",
    "quarantine": "cut an instance off from the server, or let it back in",
    "run": "run a script on instances",
    "invoke": "run a command that is kept",
    "rerun": "run a script once more where it did not go well",
    "watch": "show what the scripts of a run write while they run",
    "stop": "stop a run",
    "results": "show the results of a run",
    "invocations": "list the runs",
    "schedules": "list the runs that recur, each with its next moment and how the last one went",
    "create": "keep a script as a command",
    "clone": "keep a changed copy of a command",
    "modify": "change the name or the description of a command",
    "delete": "delete a command",
    "commands": "list the commands that are kept",
    "activation": "let machines become instances: make, list, disable and delete codes",
    "instances": "list the registered instances; rename one, or let it go for good",
    "install": "bring the agent to hosts over SSH, or a newer one",
    "uninstall": "take the agent from hosts over SSH",
    "bundle": "make the one file that holds an agent, for hosts that cannot be served from here",
    "status": "show how the agents of instances are, and what their daemons say",
    "probe": "see that scripts get to instances and their output back, with one that does nothing",
    "doctor": "look whether server, control plane and fleet are as they should be",
    "audit": "check that the ledger's books are right, and put right what is not",
    "audit-trail": "show who did what, when, and with which outcome",
}
"""The verbs with their one-line help; each is a module of this package with a command of its name."""
ADMINISTRATORS: Final = frozenset({"acl", "audit", "doctor", "quarantine"})
"""The verbs that need what no role may do on the server."""


class Mistake(click.ClickException):
    """The call cannot be carried out as it stands; the caller can mend it."""

    exit_code = 2


class Unavailable(click.ClickException):
    """The server is not there, or takes no more at present; the same call may succeed later."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class Verbs(click.Group):
    """A group that imports a verb's module when it is used, and shows errors as one line."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the verbs."""
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        with loading.for_good():
            command: click.Command = getattr(import_module(f"{__name__}.{name}"), name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; what the operations raise becomes one line, and an exit code that says what can be done."""
        from cloudassist import errors  # noqa: PLC0415 - see the module's text

        try:
            return super().invoke(ctx)
        except errors.InvalidParameterError as error:
            raise Mistake(str(error)) from None
        except errors.ServiceUnavailableError as error:
            raise Unavailable(str(error)) from None
        except errors.ConfigurationError as error:
            raise click.ClickException(f"{error}{_whose(ctx.invoked_subcommand)}") from None
        except errors.CloudAssistError as error:
            raise click.ClickException(str(error)) from None


def _whose(verb: str | None) -> str:
    """Return whose business a verb is, where it may be that its caller is somebody else."""
    if verb not in ADMINISTRATORS:
        return ""
    return f"\n{verb} is for the administrator of the server: give CLOUDASSIST_URL with that user"


@click.group(cls=Verbs, name="assist")
@click.version_option(__version__, prog_name="Cloud Assistant")
def assist() -> None:
    """Run scripts on instances and look after them.

    Example: cloudassist run -i web-1 -i web-2 'uptime; free'
    """
