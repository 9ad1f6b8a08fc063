"""Options of verbs that log in on hosts, and how their progress is shown."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self, TypeVar

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from cloudassist.installing.wanted import Watcher
from cloudassist.models.host_installation import HostInstallation
from cloudassist.plugin import output

F = TypeVar("F", bound=Callable[..., Any])

COLUMNS = ("host", "status", "instance", "agent", "service", "seconds", "reason")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def login(function: F) -> F:
    """Add the options that say which hosts, and how to log in on them."""
    options = (
        click.option("--host", "hosts", multiple=True, metavar="[NAME=][USER@]HOST[:PORT]", help="A host; repeatable."),
        click.option(
            "-i", "--instance", "instance_ids", multiple=True, metavar="ID", help="An instance, where it was last."
        ),
        click.option("--ssh-user", default="", help="Who logs in where a host names nobody."),
        click.option("--ssh-key", type=_FILE, help="The private key's file (default: your keys and your agent)."),
        click.option("--ssh-port", type=int, default=22, help="The port of what --instance names (22)."),
        click.option("--known-hosts", type=_FILE, help="The file of hosts' keys (default: ~/.ssh/known_hosts)."),
        click.option(
            "--host-key", "host_keys", multiple=True, metavar="SHA256:…", help="A host key to accept; repeatable."
        ),
        click.option("--sudo", is_flag=True, help="Become root by sudo, for the whole machine."),
        click.option("--prefix", default="", help="The folder to install in (root: /opt/cloudassist)."),
        click.option("--state-dir", default="", help="The folder of key and journal (root: /var/lib/cloudassist)."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def watcher(count: int, *, as_json: bool) -> AbstractContextManager[Watcher | None]:
    """Return what shows the progress: lines that move in a terminal, a line per step in a pipe, nothing for JSON."""
    if as_json:
        return nullcontext(None)
    return _Moving(count) if sys.stdout.isatty() else nullcontext(_Lines())


def show(rows: Sequence[HostInstallation], *, as_json: bool) -> None:
    """Print how each host ended; exits with 1 where one failed."""
    if as_json:
        output.show_json({"Hosts": output.as_json(rows)})
    else:
        output.show_table(COLUMNS, [_cells(row) for row in rows])
    if any(row.is_failed for row in rows):
        raise SystemExit(1)


def _cells(row: HostInstallation) -> tuple[str, ...]:
    reason = f"{row.error_code}: {row.error_info}" if row.is_failed else ""
    seconds = f"{row.seconds:.1f}"
    return row.host, row.status, row.instance_id, row.agent_version, row.service, seconds, output.printable(reason)


class _Lines:
    """A line for each step."""

    def on_step(self, host: str, step: str) -> None:
        click.echo(f"{host}: {step}")

    def on_end(self, ended: HostInstallation) -> None:
        click.echo(f"{ended.host}: {ended.status}")


class _Moving(AbstractContextManager["_Moving"]):
    """A line for each host that is worked on, and one for all of them."""

    def __init__(self, count: int) -> None:
        columns = (SpinnerColumn(), _plain("{task.description}"), _plain("{task.fields[step]}"))
        self._hosts = Progress(*columns, TimeElapsedColumn(), console=Console(), transient=True)
        self._lines: dict[str, Any] = {}
        self._all = self._hosts.add_task(f"{count} hosts", total=count, step="")
        self._done = 0
        self._count = count

    def __enter__(self) -> Self:
        self._hosts.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._hosts.stop()

    def on_step(self, host: str, step: str) -> None:
        if host not in self._lines:
            self._lines[host] = self._hosts.add_task(host, total=None, step=step)
        self._hosts.update(self._lines[host], step=step)

    def on_end(self, ended: HostInstallation) -> None:
        if (line := self._lines.pop(ended.host, None)) is not None:
            self._hosts.remove_task(line)
        self._done += 1
        self._hosts.update(self._all, completed=self._done, step=f"{self._done} of {self._count} done")
        told = Text.assemble(f"{ended.host}: ", (str(ended.status), "red" if ended.is_failed else "green"))
        self._hosts.console.print(told)


def _plain(text: str) -> TextColumn:
    """Return a column whose brackets are an address's and no markup."""
    return TextColumn(text, markup=False)
