"""What makes a command: its script and how it is run, checked (API a.2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from cloudassist import parameters
from cloudassist.command_type import CommandType
from cloudassist.content_encoding import base64_bytes
from cloudassist.errors import InvalidParameterError, LimitExceededError
from cloudassist.operations import arguments
from cloudassist.request import Word
from cloudassist.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The checked attributes of a command. ``parameter_names`` is empty where parameters are not enabled."""

    type: CommandType
    content: str
    name: str
    description: str
    working_dir: str
    timeout: int
    enable_parameter: bool
    parameter_names: tuple[str, ...]

    @classmethod
    def check(
        cls,
        settings: Settings,
        *,
        command_content: object,
        content_encoding: object,
        type: object,  # noqa: A002 - the API's name
        name: object,
        description: object,
        working_dir: object,
        timeout: object,
        enable_parameter: bool,
    ) -> Self:
        """Check the arguments that make a command; raises InvalidParameterError and its kinds."""
        content = script(command_content, content_encoding, settings)
        return cls(
            type=arguments.command_type(type),
            content=content,
            name=label("name", name, settings),
            description=label("description", description, settings),
            working_dir=arguments.working_dir(working_dir, settings),
            timeout=arguments.timeout(timeout, settings),
            enable_parameter=enable_parameter,
            parameter_names=parameters.find_names(content, settings.parameter_count) if enable_parameter else (),
        )

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Build the definition from a command in the ledger."""
        return cls(
            type=CommandType(fields["type"]),
            content=fields["content"],
            name=fields["name"],
            description=fields["description"],
            working_dir=fields["working_dir"],
            timeout=int(fields["timeout"]),
            enable_parameter=fields["enable_parameter"] == "1",
            parameter_names=tuple(json.loads(fields["parameter_names"])),
        )

    def fields(self, *, caller: str, version: int = 1, cloned_from: str = "") -> dict[str, Word]:
        """Return what the ledger keeps of a command that this defines."""
        return {
            "type": self.type.value,
            "content": self.content,
            "name": self.name,
            "description": self.description,
            "working_dir": self.working_dir,
            "timeout": self.timeout,
            "enable_parameter": int(self.enable_parameter),
            "parameter_names": json.dumps(self.parameter_names),
            "version": version,
            "cloned_from": cloned_from,
            "caller": caller,
        }


def script(value: object, encoding: object, settings: Settings) -> str:
    """Check ``command_content``: text, not empty, no NUL, and its Base64 within the limit."""
    written = arguments.text("command_content", value)
    try:
        content = arguments.content_encoding(encoding).read(written)
    except ValueError as error:
        raise InvalidParameterError("CmdContent.DecodeError", f"command_content is {error}") from None
    if not content.strip():
        raise InvalidParameterError("MissingParameter.CommandContent", "command_content is empty")
    if "\0" in content:
        raise InvalidParameterError(
            "CmdContent.DecodeError", "command_content has a NUL character, which no shell takes"
        )
    size = base64_bytes(content.encode())
    if size > settings.command_content_bytes:
        raise LimitExceededError(
            "CmdContent.ExceedLimit",
            f"command_content has {size} bytes after Base64; the limit is {settings.command_content_bytes}",
        )
    return content


def label(field: str, value: object, settings: Settings) -> str:
    """Check ``name`` or ``description``."""
    short, full, most = {
        "name": ("CmdName", "CommandName", settings.command_name_characters),
        "description": ("CmdDesc", "CommandDescription", settings.command_description_characters),
    }[field]
    checked = arguments.bounded_text(field, value, most, f"{short}.ExceedLimit")
    if "\0" in checked:
        raise InvalidParameterError(f"InvalidParameterCharacter.{full}", f"{field} has a NUL character", status=403)
    return checked


def kept_name(value: object, settings: Settings) -> str:
    """Check the ``name`` of a command that is to be kept: it must have one (API a.2)."""
    name = label("name", value, settings)
    if not name.strip():
        raise InvalidParameterError("MissingParameter.Name", "name is empty; a command that is kept needs one")
    return name
