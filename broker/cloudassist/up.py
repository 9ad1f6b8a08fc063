"""``make up``: the stack of the demonstration, left running with Flower until Ctrl-C."""

import signal
import sys
import threading
from typing import Final

import click

from cloudassist.demo import DATA_DIR
from cloudassist.errors import CloudAssistError
from cloudassist.local import LocalStack

LOOK_SECONDS: Final = 1.0


def main() -> int:
    """Run until a signal comes or a process ends; returns the exit code."""
    leave = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: leave.set())
    with LocalStack(instances=3, data_dir=DATA_DIR, flower=True, enrol=True) as stack:
        click.echo(f"server  {stack.url}\nFlower  {stack.flower_url}\nlogs    {stack.data_dir / 'logs'}\n")
        click.echo("In another terminal:\n")
        for name, value in stack.environment("producer").items():
            click.echo(f"  export {name}={value}")
        names = " ".join(f"-i {instance_id}" for instance_id in stack.instance_ids)
        click.echo(f"  .venv/bin/celery -A cloudassist assist run {names} 'echo hello from $(hostname)'\n")
        click.echo("Ctrl-C stops everything.")
        ended = None
        while not leave.wait(LOOK_SECONDS) and ended is None:
            ended = next((name for name, process in stack.processes.items() if process.poll() is not None), None)
    if ended is not None:
        click.echo(f"{ended} has ended, so the rest was stopped; its log is {stack.data_dir / 'logs'}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CloudAssistError as error:
        sys.exit(f"cloudassist: {error}")
