"""The values that one run gives to the parameters of its command, checked (API a.1, a.3)."""

import json
from collections.abc import Collection, Mapping, Sequence

from cloudassist import parameters
from cloudassist.content_encoding import base64_bytes
from cloudassist.errors import InvalidParameterError, LimitExceededError
from cloudassist.operations import arguments
from cloudassist.operations.definition import Definition
from cloudassist.secret_values import MASK, is_secret_name
from cloudassist.settings import Settings

Values = dict[str, str] | None
"""Values by lower-cased name; None where the command has no parameters and its text is to be taken as it stands."""


def enabled(values: object, enable: object) -> bool:
    """Return whether a command that is made by its run has parameters: as said, else where values are given."""
    if values is not None and not isinstance(values, Mapping):
        raise InvalidParameterError(
            "InvalidParameter.Parameters", f"parameters must map names to text; it is of type {type(values).__name__}"
        )
    if enable is None:
        return values is not None
    if not isinstance(enable, bool):
        raise InvalidParameterError(
            "InvalidParameter.EnableParameter",
            f"enable_parameter must be true or false; it is {enable!r:.100} ({type(enable).__name__})",
        )
    return enable


def check(definition: Definition, values: object, settings: Settings) -> Values:
    """Check ``parameters`` against the command, and the size of both together."""
    enabled(values, None)
    if not definition.enable_parameter:
        if values:
            raise InvalidParameterError(
                "Parameter.Disabled", "parameters were given for a command with enable_parameter=False"
            )
        return None
    assert values is None or isinstance(values, Mapping)
    checked = parameters.check_values(definition.parameter_names, values or {}, settings.parameter_count)
    size = base64_bytes(definition.content.encode()) + (base64_bytes(compact(checked).encode()) if checked else 0)
    if size > settings.command_content_bytes:
        raise LimitExceededError(
            "CmdContent.ExceedLimit",
            f"command_content and parameters have {size} bytes after Base64; "
            f"the limit is {settings.command_content_bytes}",
        )
    return checked


def secret(definition: Definition, named: object, settings: Settings) -> frozenset[str]:
    """Check ``secret_parameters``; return the names of the command's parameters whose values are secret.

    They are those that are named, and those whose own name says so.
    """
    if named is not None and (isinstance(named, str) or not isinstance(named, Sequence)):
        raise arguments.wrong_type("secret_parameters", "a list of names", named)
    chosen = {arguments.text("secret_parameters", name).lower() for name in named or ()}
    unknown = sorted(chosen.difference(definition.parameter_names))
    if unknown:
        raise InvalidParameterError(
            "Parameter.NotMatched",
            f"secret_parameters names {unknown[0]!r}, which is not in the command; "
            f"it has {', '.join(definition.parameter_names) or 'none'}",
            status=403,
        )
    by_name = {name for name in definition.parameter_names if is_secret_name(name, settings.secret_names)}
    return frozenset(chosen | by_name)


def masked(values: Values, secret_names: Collection[str]) -> dict[str, str]:
    """Return values as they may be shown."""
    return {name: MASK if name in secret_names else value for name, value in (values or {}).items()}


def required(definition: Definition, values: object) -> None:
    """Raise the API's error where a command has parameters and a run of it gives none at all (API a.3)."""
    if definition.parameter_names and values is None:
        raise InvalidParameterError(
            "Parameter.MissingValue",
            f"parameters must be given: the command has {', '.join(definition.parameter_names)}; "
            "those that are left out become empty",
        )


def compact(values: Mapping[str, str]) -> str:
    """Return the compact JSON of values, whose Base64 counts."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
