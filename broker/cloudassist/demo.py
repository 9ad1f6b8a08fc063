"""``make demo``: a whole installation on this machine, one script on three instances, the results, and gone again."""

import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from cloudassist.errors import CloudAssistError
from cloudassist.local import LocalStack
from cloudassist.plugin import output
from cloudassist.status import InvokeStatus

DATA_DIR: Final = Path(".run")
WAIT_SECONDS: Final = 30.0

SCRIPT: Final = """\
#!/bin/sh
set -eu
greeting='{{greeting}}'
echo "$greeting from {{ACS::InstanceId}}"
uname -sr | tr '[:upper:]' '[:lower:]'
cat <<EOF
up $(cut -d. -f1 /proc/uptime) s, load $(cut -d' ' -f1 /proc/loadavg), ünïcode ✓
EOF
"""


class Interruption:
    """A signal that asks to leave: the first is noted and obeyed at the next :meth:`check`, a second one at once.

    An exception out of a signal handler may come up in a destructor, and is swallowed there.
    """

    def __init__(self) -> None:
        self.number = 0
        # Said outright: a shell that starts this in the background has it ignore SIGINT.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._came)

    def check(self) -> None:
        """Raise KeyboardInterrupt if the signal has come."""
        if self.number:
            raise KeyboardInterrupt

    def _came(self, number: int, _frame: Any) -> None:
        self.check()
        self.number = number


def main(interruption: Interruption) -> int:
    """Run the demonstration; returns the exit code."""
    begun = time.monotonic()
    click.echo("starting a server, the control plane, dispatch, beat and three agents that enrol themselves …")
    with LocalStack(instances=3, data_dir=DATA_DIR, enrol=True) as stack:
        click.echo(f"{len(stack.processes)} processes are up after {time.monotonic() - begun:.1f} s at {stack.url}")
        interruption.check()
        click.echo(f"running on {', '.join(stack.instance_ids)}:\n\n{SCRIPT}")
        with stack.assistant() as assistant:
            invocation = assistant.run_command(
                SCRIPT, instance_ids=stack.instance_ids, parameters={"greeting": "hello"}, timeout=60
            )
            for progress in invocation.follow(WAIT_SECONDS):
                click.echo(f"{invocation.invoke_id} {output.status_line(progress)}")
                interruption.check()
            output.show_results(invocation.results())
        click.echo(f"{invocation.invoke_id} {output.coloured_status(invocation.status)}")
    interruption.check()
    click.echo(f"everything is stopped after {time.monotonic() - begun:.1f} s; logs are in {DATA_DIR / 'logs'}")
    return 0 if invocation.status is InvokeStatus.FINISHED else 1


def run() -> int:
    """Run it, and leave in an orderly way when asked to: everything that was started is stopped."""
    interruption = Interruption()
    try:
        return main(interruption)
    except KeyboardInterrupt:
        click.echo("interrupted; everything is stopped", err=True)
        return 128 + interruption.number
    except CloudAssistError as error:
        click.echo(f"cloudassist: {error}", err=True)
        return 1


if __name__ == "__main__":
    sys.exit(run())
