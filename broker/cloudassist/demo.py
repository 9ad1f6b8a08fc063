"""``make demo``: a whole installation on this machine, one script on three instances, the results, and gone again."""

import signal
import sys
import time
from pathlib import Path
from typing import Any, Final, NoReturn

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


def main() -> int:
    """Run the demonstration; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    # Said outright: a shell that starts this in the background has it ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    begun = time.monotonic()
    click.echo("starting a server, the control plane, dispatch, beat and three agents …")
    with LocalStack(instances=3, data_dir=DATA_DIR) as stack:
        click.echo(f"{len(stack.processes)} processes are up after {time.monotonic() - begun:.1f} s at {stack.url}")
        click.echo(f"running on {', '.join(stack.instance_ids)}:\n\n{SCRIPT}")
        with stack.assistant() as assistant:
            invocation = assistant.run_command(
                SCRIPT, instance_ids=stack.instance_ids, parameters={"greeting": "hello"}, timeout=60
            )
            for progress in invocation.follow(WAIT_SECONDS):
                click.echo(f"{invocation.invoke_id} {output.status_line(progress)}")
            output.show_results(invocation.results())
        click.echo(f"{invocation.invoke_id} {output.coloured_status(invocation.status)}")
    click.echo(f"everything is stopped after {time.monotonic() - begun:.1f} s; logs are in {DATA_DIR / 'logs'}")
    return 0 if invocation.status is InvokeStatus.FINISHED else 1


def _terminated(_number: int, _frame: Any) -> NoReturn:
    """Leave in an orderly way, so that everything that was started is stopped."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        click.echo("interrupted; everything is stopped", err=True)
        sys.exit(130)
    except CloudAssistError as error:
        sys.exit(f"cloudassist: {error}")
