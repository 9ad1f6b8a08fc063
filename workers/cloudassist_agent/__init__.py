"""The agent: the process that stands for one instance, and runs on it the scripts that it is ordered to.

It speaks messages only: it takes orders from its own queue and stops from its own control queue, and publishes
reports. Besides that it touches its claims, its presence and the payload of an order, through :mod:`link`. It never
imports the ledger.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Return the application that ``celery -A cloudassist_agent`` looks for."""
    if name == "celery":
        return import_module("cloudassist_agent.worker").application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
