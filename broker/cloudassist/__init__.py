"""Cloud Assistant: run scripts on many instances without logging in to them.

A producer needs three lines::

    with Assistant() as assistant:
        invocation = assistant.run_command("uptime", instance_ids=["web-1", "web-2"])
        invocation.wait(timeout=30)

Names are looked up when they are first used: ``import cloudassist`` alone loads neither Celery nor a Redis client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from cloudassist.version import __version__ as __version__

if TYPE_CHECKING:
    from cloudassist.async_client import AsyncAssistant as AsyncAssistant
    from cloudassist.async_client import AsyncInvocation as AsyncInvocation
    from cloudassist.client import Assistant as Assistant
    from cloudassist.client import Invocation as Invocation
    from cloudassist.errors import CloudAssistError as CloudAssistError
    from cloudassist.local import LocalStack as LocalStack
    from cloudassist.status import InvocationStatus as InvocationStatus
    from cloudassist.status import InvokeStatus as InvokeStatus

_WHERE: Final = {
    "Assistant": "cloudassist.client",
    "AsyncAssistant": "cloudassist.async_client",
    "AsyncInvocation": "cloudassist.async_client",
    "Invocation": "cloudassist.client",
    "CloudAssistError": "cloudassist.errors",
    "InvocationStatus": "cloudassist.status",
    "InvokeStatus": "cloudassist.status",
    "LocalStack": "cloudassist.local",
}

__all__ = [
    "Assistant",
    "AsyncAssistant",
    "AsyncInvocation",
    "CloudAssistError",
    "Invocation",
    "InvocationStatus",
    "InvokeStatus",
    "LocalStack",
]


def __getattr__(name: str) -> Any:
    """Load a public name, or the application that ``celery -A cloudassist`` looks for."""
    if name == "celery":
        return import_module("cloudassist.control.application").application()
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
