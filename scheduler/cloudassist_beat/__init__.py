"""What decides when: Celery beat over the schedules in the ledger. It holds no key and runs nothing itself."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Return the application that ``celery -A cloudassist_beat`` looks for."""
    if name == "celery":
        return import_module("cloudassist_beat.app").application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
