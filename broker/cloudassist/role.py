"""``python -m cloudassist.role APP worker|beat …``: what ``celery -A APP worker|beat …`` does, in half the start-up.

Celery's own command loads every command that is installed, Flower and an interactive shell among them: 0.3 s of
processor and 24 MiB that a stack would spend on each of its processes.
"""

import sys

from celery.app.utils import find_app
from celery.bin.base import CLIContext
from celery.bin.beat import beat
from celery.bin.worker import worker


def main() -> None:
    """Run a worker or a beat until it is told to end; ends with SystemExit."""
    app, name, *arguments = sys.argv[1:]
    context = CLIContext(app=find_app(app), no_color=None, workdir=None, quiet=False)
    {"worker": worker, "beat": beat}[name].main(arguments, prog_name=f"celery -A {app} {name}", obj=context)


if __name__ == "__main__":
    main()
