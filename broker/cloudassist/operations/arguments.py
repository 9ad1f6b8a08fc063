"""Checks of what callers hand in. Each returns the value or raises the API's error with field, limit and value."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from cloudassist import limits, parameters, topology
from cloudassist.command_type import CommandType
from cloudassist.errors import InvalidParameterError, LimitExceededError
from cloudassist.settings import Settings


def command_type(value: object) -> CommandType:
    """Check ``type``."""
    try:
        return CommandType(text("type", value))
    except ValueError:
        known = ", ".join(CommandType)
        raise InvalidParameterError(
            "InvalidCmdType.NotFound", f"type must be one of {known}; it is {value!r}", status=404
        ) from None


def command_content(value: object, settings: Settings) -> str:
    """Check ``command_content``: text, not empty, no NUL, and its Base64 within the limit."""
    content = text("command_content", value)
    if not content.strip():
        raise InvalidParameterError("MissingParameter.CommandContent", "command_content is empty")
    if "\0" in content:
        raise InvalidParameterError(
            "CmdContent.DecodeError", "command_content has a NUL character, which no shell takes"
        )
    size = base64_bytes(content)
    if size > settings.command_content_bytes:
        raise LimitExceededError(
            "CmdContent.ExceedLimit",
            f"command_content has {size} bytes after Base64; the limit is {settings.command_content_bytes}",
        )
    return content


def command_parameters(content: str, values: object, enable: object, settings: Settings) -> dict[str, str] | None:
    """Check ``parameters`` against the names in the script; None where the script has no parameters.

    ``enable`` None means: enabled when values are given.
    """
    if values is not None and not isinstance(values, Mapping):
        raise InvalidParameterError(
            "InvalidParameter.Parameters", f"parameters must map names to text; it is of type {type(values).__name__}"
        )
    if enable is not None and not isinstance(enable, bool):
        raise wrong_type("enable_parameter", "true or false", enable)
    enabled = values is not None if enable is None else enable
    if not enabled:
        if values:
            raise InvalidParameterError(
                "Parameter.Disabled", "parameters were given for a command with enable_parameter=False"
            )
        return None
    checked = parameters.check_values(parameters.find_names(content), values or {})
    size = sum(base64_bytes(name) + base64_bytes(value) for name, value in checked.items())
    if size > settings.command_content_bytes:
        raise LimitExceededError(
            "CmdContent.ExceedLimit",
            f"parameters have {size} bytes after Base64; the limit is {settings.command_content_bytes}",
        )
    return checked


def timeout(value: object) -> int:
    """Check ``timeout``, in seconds."""
    if type(value) is not int:
        raise wrong_type("timeout", "a whole number of seconds", value)
    if not limits.TIMEOUT_MINIMUM_SECONDS <= value <= limits.TIMEOUT_MAXIMUM_SECONDS:
        raise LimitExceededError(
            "InvalidTimeout.ExceedLimit",
            f"timeout must be from {limits.TIMEOUT_MINIMUM_SECONDS} to {limits.TIMEOUT_MAXIMUM_SECONDS} seconds; "
            f"it is {value}",
        )
    return value


def instance_ids(value: object, most: int) -> list[str]:
    """Check ``instance_ids``: at least one, at most so many, each well formed, none twice."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise wrong_type("instance_ids", "a list of instance ids", value)
    if not value:
        raise InvalidParameterError("MissingParam.InstanceId", "instance_ids is empty; name at least one instance")
    if len(value) > most:
        raise LimitExceededError(
            "InstanceIds.ExceedLimit", f"instance_ids has {len(value)} entries; the limit is {most}"
        )
    checked = [topology.check_instance_id(instance_id) for instance_id in value]
    if len(set(checked)) < len(checked):
        twice = next(instance_id for instance_id in checked if checked.count(instance_id) > 1)
        raise InvalidParameterError("InvalidInstanceId.Duplicate", f"instance_ids names {twice!r} more than once")
    return checked


def client_token(value: object) -> str:
    """Check ``client_token``."""
    token = text("client_token", value)
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise InvalidParameterError(
            "InvalidClientToken.Malformed", "client_token must be printable ASCII without blanks, and not empty"
        )
    if len(token) > limits.CLIENT_TOKEN_CHARACTERS:
        raise InvalidParameterError(
            "InvalidClientToken.Malformed",
            f"client_token has {len(token)} characters; the limit is {limits.CLIENT_TOKEN_CHARACTERS}",
        )
    return token


def bounded_text(field: str, value: object, most: int, code: str) -> str:
    """Check a text field against its number of characters."""
    checked = text(field, value)
    if len(checked) > most:
        raise LimitExceededError(code, f"{field} has {len(checked)} characters; the limit is {most}")
    return checked


def text(field: str, value: object) -> str:
    """Check that a field is text that UTF-8 can carry."""
    if not isinstance(value, str):
        raise wrong_type(field, "text", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidParameterError(f"InvalidParameter.{_pascal(field)}", f"{field} is not valid unicode") from None
    return value


def wrong_type(field: str, wanted: str, value: Any) -> InvalidParameterError:
    """Return the error for a field of the wrong type."""
    return InvalidParameterError(
        f"InvalidParameter.{_pascal(field)}", f"{field} must be {wanted}; it is {value!r:.100} ({type(value).__name__})"
    )


def base64_bytes(value: str) -> int:
    """Return the bytes of a text's Base64: the unit in which the limits of content are given."""
    return len(base64.b64encode(value.encode()))


def _pascal(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))
