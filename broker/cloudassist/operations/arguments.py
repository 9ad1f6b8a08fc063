"""Checks of what callers hand in. Each returns the value or raises the API's error with field, limit and value."""

from collections.abc import Sequence
from typing import Any

from cloudassist import limits, topology
from cloudassist.command_type import CommandType
from cloudassist.content_encoding import ContentEncoding
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


def content_encoding(value: object) -> ContentEncoding:
    """Check ``content_encoding``; its case does not matter (API a.1)."""
    given = text("content_encoding", value)
    for encoding in ContentEncoding:
        if encoding.lower() == given.lower():
            return encoding
    raise InvalidParameterError(
        "InvalidParameter.ContentEncoding",
        f"content_encoding must be one of {', '.join(ContentEncoding)}; it is {given!r:.100}",
    )


def timeout(value: object, settings: Settings) -> int:
    """Check ``timeout``, in seconds; None means the region's default."""
    if value is None:
        return settings.timeout_default_seconds
    if type(value) is not int:
        raise wrong_type("timeout", "a whole number of seconds", value)
    least, most = settings.timeout_minimum_seconds, settings.timeout_maximum_seconds
    if not least <= value <= most:
        raise LimitExceededError(
            "InvalidTimeout.ExceedLimit", f"timeout must be from {least} to {most} seconds; it is {value}"
        )
    return value


def deliver_within(value: object, settings: Settings) -> int:
    """Check ``deliver_within``, in seconds; 0 means online instances only, and the region's delivery window."""
    if value is None:
        return 0
    if type(value) is not int:
        raise wrong_type("deliver_within", "a whole number of seconds", value)
    most = settings.deliver_within_maximum_seconds
    if not 1 <= value <= most:
        raise LimitExceededError(
            "InvalidDeliverWithin.ExceedLimit", f"deliver_within must be from 1 to {most} seconds; it is {value}"
        )
    return value


def working_dir(value: object, settings: Settings) -> str:
    """Check ``working_dir``; empty means the home of the user that runs the script."""
    folder = bounded_text("working_dir", value, settings.working_dir_characters, "InvalidParameter.WorkingDir")
    if "\0" in folder:
        raise InvalidParameterError(
            "InvalidParameterCharacter.CommandWorkingDir", "working_dir has a NUL character", status=403
        )
    return folder


def username(value: object, settings: Settings) -> str:
    """Check ``username``; empty means the user of the agent."""
    name = bounded_text("username", value, settings.username_characters, "Username.ExceedLimit")
    if not name.isprintable() or set(name) & set(":/ "):
        raise InvalidParameterError("InvalidParameter.Username", f"username {name!r:.100} cannot name a user")
    return name


def windows_password_name(value: object) -> str:
    """Check ``windows_password_name``: the name of a password that a Windows host keeps; empty means none."""
    if value is None:
        return ""
    most = limits.WINDOWS_PASSWORD_NAME_CHARACTERS
    name = bounded_text("windows_password_name", value, most, "WindowsPasswordName.ExceedLimit")
    if not name.isprintable():
        raise InvalidParameterError(
            "InvalidParameter.WindowsPasswordName",
            f"windows_password_name {name!r:.100} has characters that are not printable",
        )
    return name


def instance_ids(value: object, most: int) -> tuple[str, ...]:
    """Check ``instance_ids``: at least one, at most so many, each well formed, none twice."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise wrong_type("instance_ids", "a list of instance ids", value)
    if not value:
        raise InvalidParameterError("MissingParam.InstanceId", "instance_ids is empty; name at least one instance")
    if len(value) > most:
        raise LimitExceededError(
            "InstanceIds.ExceedLimit", f"instance_ids has {len(value)} entries; the limit is {most}"
        )
    checked = tuple(topology.check_instance_id(instance_id) for instance_id in value)
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


def flag(field: str, value: object) -> bool:
    """Check a field that is true or false."""
    if not isinstance(value, bool):
        raise wrong_type(field, "true or false", value)
    return value


def identifier(field: str, value: object, code: str) -> str:
    """Check an id: what is no text names nothing, and is not found."""
    if not isinstance(value, str):
        raise InvalidParameterError(code, f"{field} must be text; it is {value!r:.100}", status=404)
    return value


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
        raise InvalidParameterError(f"InvalidParameter.{pascal(field)}", f"{field} is not valid unicode") from None
    return value


def wrong_type(field: str, wanted: str, value: Any) -> InvalidParameterError:
    """Return the error for a field of the wrong type."""
    return InvalidParameterError(
        f"InvalidParameter.{pascal(field)}", f"{field} must be {wanted}; it is {value!r:.100} ({type(value).__name__})"
    )


def pascal(field: str) -> str:
    """Return the API's spelling of a field's name."""
    return "".join(part.capitalize() for part in field.split("_"))
