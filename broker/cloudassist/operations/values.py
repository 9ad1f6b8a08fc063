"""The values that one run gives to the parameters of its command, checked (API a.1, a.3)."""

import json
from collections.abc import Mapping

from cloudassist import parameters
from cloudassist.content_encoding import base64_bytes
from cloudassist.errors import InvalidParameterError, LimitExceededError
from cloudassist.operations.definition import Definition
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
