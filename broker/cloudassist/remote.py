"""Celery's remote control on workers of ours: it is answered, and changes next to nothing.

An agent takes what changes something as a signed order or not at all. A worker of the control plane can be told to end;
what else Celery offers would have it consume queues that are not its own, or leave its own alone.
"""

from typing import Any, Final

from celery.worker.control import Panel

READ_ONLY: Final = frozenset(
    {
        "active",
        "active_queues",
        "clock",
        "conf",
        "heartbeat",
        "memsample",
        "ping",
        "query_task",
        "registered",
        "report",
        "reserved",
        "revoked",
        "scheduled",
        "stats",
    }
)
"""Commands that every worker answers. ``hello`` is none of them: it can bring a list of revoked tasks along."""

_STOP: Final = "`celery -A cloudassist assist stop` ends a run"
_ENDED: Final = "an agent is ended on its machine, and `celery -A cloudassist assist quarantine` cuts one off"
_CONCURRENCY: Final = "CLOUDASSIST_CONCURRENCY says how many scripts a worker runs at a time"
_EVENTS: Final = "CLOUDASSIST_EVENTS says whether an agent sends events"
_INSTEAD: Final = {
    "revoke": _STOP,
    "revoke_by_stamped_headers": _STOP,
    "terminate": _STOP,
    "time_limit": "`celery -A cloudassist assist run --timeout` says how long a script may run",
    "shutdown": _ENDED,
    "autoscale": _CONCURRENCY,
    "pool_grow": _CONCURRENCY,
    "pool_restart": _CONCURRENCY,
    "pool_shrink": _CONCURRENCY,
    "enable_events": _EVENTS,
    "disable_events": _EVENTS,
}
_OTHERWISE: Final = "`celery -A cloudassist assist` is what runs and stops scripts"


def restrict(answered: frozenset[str]) -> None:
    """Have this process refuse every command but these. Celery's table of commands is one per process."""
    for name in set(Panel.data) - answered:
        Panel.data[name] = _refusal(name)


def replace(name: str, answer: Any) -> None:
    """Have this process answer a command in its own way."""
    Panel.data[name] = answer


def _refusal(name: str) -> Any:
    def refuse(_state: Any, **_arguments: Any) -> dict[str, str]:
        return {"error": f"refused, remote control is read-only here: {_INSTEAD.get(name, _OTHERWISE)}"}

    return refuse
