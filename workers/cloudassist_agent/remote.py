"""Celery's remote control, read-only: what changes something on an agent comes as a signed order or not at all."""

from typing import Any, Final

from celery.worker.control import Panel

READ_ONLY: Final = frozenset(
    {
        "active",
        "active_queues",
        "clock",
        "conf",
        "enable_events",
        "heartbeat",
        "hello",
        "memsample",
        "ping",
        "query_task",
        "registered",
        "report",
        "reserved",
        "scheduled",
        "stats",
    }
)
"""Commands that an agent answers."""


def make_read_only() -> None:
    """Replace every command that is not read-only by a refusal. Celery's table of commands is one per process."""
    for name in set(Panel.data) - READ_ONLY:
        Panel.data[name] = _refuse


def _refuse(_state: Any, **_arguments: Any) -> dict[str, str]:
    return {"error": "read-only: agents take changes as signed orders only; use `celery -A cloudassist assist`"}
