"""``make up``: the stack of the demonstration, left running with Flower until Ctrl-C."""

import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import Final

import click

from cloudassist.access import Role
from cloudassist.demo import DATA_DIR
from cloudassist.errors import CloudAssistError
from cloudassist.local import LocalStack

LOOK_SECONDS: Final = 1.0


@click.command
@click.option("--listen", default="", metavar="HOST:PORT", help="Let other machines reach it at this address.")
@click.option("--instances", default=3, help="Agents on this machine (3).")
@click.pass_context
def main(context: click.Context, *, listen: str, instances: int) -> None:
    """Run the stack until Ctrl-C. With --listen, `assist install` brings the agent to other machines."""
    context.exit(run(listen, instances))


def run(listen: str, instances: int) -> int:
    """Run until a signal comes or a process ends; returns the exit code."""
    leave = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: leave.set())
    click.echo("starting a server, the control plane, Flower and the agents …")
    with LocalStack(instances, data_dir=DATA_DIR, flower=True, enrol=True, listen=listen) as stack:
        click.echo(f"server  {stack.url}\nFlower  {stack.flower_url}\nlogs    {stack.data_dir / 'logs'}\n")
        producer, administrator = (_keep(stack, role) for role in (Role.PRODUCER, Role.ADMIN))
        click.echo(f"In another terminal:\n\n  . {producer}")
        if names := " ".join(f"-i {instance_id}" for instance_id in stack.instance_ids):
            click.echo(f"  cloudassist run {names} 'echo hello from $(hostname)'")
        if listen:
            click.echo("  cloudassist install --host USER@HOST")
        click.echo(f"\nand to look at the region as its administrator:\n\n  . {administrator}\n  cloudassist doctor\n")
        click.echo("Ctrl-C stops everything.")
        ended = None
        while not leave.wait(LOOK_SECONDS) and ended is None:
            ended = next((name for name, process in stack.processes.items() if process.poll() is not None), None)
    if ended is not None:
        click.echo(f"{ended} has ended, so the rest was stopped; its log is {stack.data_dir / 'logs'}", err=True)
        return 1
    return 0


def _keep(stack: LocalStack, role: Role) -> Path:
    """Write what a role's shell has to know to a file that nobody else can read; return it as a shell may name it."""
    file = stack.data_dir / f"{role}.env"
    file.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in stack.environment(role).items()]
    lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


if __name__ == "__main__":
    try:
        main()
    except CloudAssistError as error:
        sys.exit(f"cloudassist: {error}")
