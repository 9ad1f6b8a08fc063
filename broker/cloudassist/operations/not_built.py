"""What the API has and this does not have: refused by name, never silently ignored (docs/decisions.md)."""

from collections.abc import Mapping
from typing import TypedDict

from cloudassist.errors import NotSupportedError
from cloudassist.operations.arguments import pascal


class CommandNotBuilt(TypedDict, total=False):
    """Arguments of CreateCommand that are refused."""

    launcher: object
    resource_group_id: object
    tags: object


class RunNotBuilt(CommandNotBuilt, total=False):
    """Arguments of RunCommand and InvokeCommand that are refused."""

    container_id: object
    container_name: object
    termination_mode: object
    oss_output_delivery: object


class ListNotBuilt(TypedDict, total=False):
    """Filters that are refused."""

    provider: object
    latest: object
    resource_group_id: object
    tags: object


class ActivationNotBuilt(TypedDict, total=False):
    """Arguments of CreateActivation that are refused."""

    ip_address_range: object
    resource_group_id: object


class ManagedNotBuilt(TypedDict, total=False):
    """Filters of DescribeActivations and DescribeManagedInstances that are refused."""

    resource_group_id: object


_HERE_ALREADY = {"termination_mode": "ProcessTree", "latest": False}
"""What may be asked for by these arguments: it is what is done anyway."""


def refuse(operation: str, known: type, given: Mapping[str, object]) -> None:
    """Raise NotSupportedError for an argument that is not built, TypeError for one that does not exist."""
    for name, value in given.items():
        if name not in known.__annotations__:
            raise TypeError(f"{operation}() got an unexpected keyword argument {name!r}")
        if value is not None and not (name in _HERE_ALREADY and value == _HERE_ALREADY[name]):
            raise error(f"{name} ({pascal(name)}) is not supported by {operation}")


def error(what: str) -> NotSupportedError:
    """Return the error that says what is not built, and where it is written."""
    return NotSupportedError(
        "InvalidParameter.NotSupported", f"{what}; what is, and what is not, is in docs/decisions.md"
    )
