"""One command: a script that is kept to be run (API a.5)."""

import json
from typing import Self

from pydantic import Field

from cloudassist.content_encoding import ContentEncoding
from cloudassist.models.base import ApiModel, Time, moment


class Command(ApiModel):
    """A command. ``timeout`` is in seconds.

    ``version`` counts along the line of clones that it stands in, ``cloned_from`` is the one before it; ``caller`` is
    who made it. ``command_content`` is as the ContentEncoding that was asked for writes it.
    """

    command_id: str
    name: str
    type: str
    command_content: str
    description: str = ""
    working_dir: str = ""
    timeout: int
    enable_parameter: bool = False
    parameter_names: tuple[str, ...] = ()
    invoke_times: int = 0
    creation_time: Time = None
    version: int = 1
    cloned_from: str = ""
    caller: str = ""
    keep_command: bool = Field(default=True)

    @classmethod
    def of(cls, command_id: str, fields: dict[str, str], encoding: ContentEncoding) -> Self:
        """Build the command from what the ledger holds."""
        return cls(
            command_id=command_id,
            name=fields["name"],
            type=fields["type"],
            command_content=encoding.write(fields["content"].encode()),
            description=fields["description"],
            working_dir=fields["working_dir"],
            timeout=int(fields["timeout"]),
            enable_parameter=fields["enable_parameter"] == "1",
            parameter_names=tuple(json.loads(fields["parameter_names"])),
            invoke_times=int(fields["invoke_times"]),
            creation_time=moment(fields["creation_time"]),
            version=int(fields["version"]),
            cloned_from=fields["cloned_from"],
            caller=fields["caller"],
            keep_command=fields["kept"] == "1",
        )
