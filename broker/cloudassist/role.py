"""``python -m cloudassist.role APP worker|beat …``: what ``celery -A APP worker|beat …`` does, in half the start-up.

Celery's own command loads every command that is installed, Flower and an interactive shell among them: 0.3 s of
processor and 24 MiB that a stack would spend on each of its processes.
"""

import sys
from importlib import import_module

from cloudassist import loading


def main() -> None:
    """Run a worker or a beat until it is told to end; ends with SystemExit."""
    app, name, *arguments = sys.argv[1:]
    with loading.for_good():
        command = getattr(import_module(f"celery.bin.{name}"), name)
        context = import_module("celery.bin.base").CLIContext(
            app=import_module("celery.app.utils").find_app(app), no_color=None, workdir=None, quiet=False
        )
    command.main(arguments, prog_name=f"celery -A {app} {name}", obj=context)


if __name__ == "__main__":
    main()
