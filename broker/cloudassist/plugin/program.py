"""``cloudassist …``: the verbs of ``celery -A cloudassist assist``, as a program of their own."""

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

from cloudassist import loading
from cloudassist.plugin import assist


class _Program:
    """What celery's command line hands to its sub-commands: the application, made when a verb wants it."""

    @cached_property
    def app(self) -> Any:
        with loading.for_good():
            return import_module("cloudassist").celery


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it with these arguments, or with those of the process; ends with SystemExit."""
    assist.main(arguments, prog_name="cloudassist", obj=_Program())
