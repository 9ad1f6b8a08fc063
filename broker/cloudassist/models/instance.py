"""One instance: who it is, and whether it is there."""

import json
from typing import Self

from pydantic import Field

from cloudassist.models.base import ApiModel, Time, moment


class Instance(ApiModel):
    """A registered instance. ``online`` tells whether it gave a sign of life lately."""

    instance_id: str
    online: bool = Field(alias="Connected")
    os_type: str = ""
    os_version: str = ""
    hostname: str = ""
    address: str = Field(default="", alias="IntranetIp")
    agent_version: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    registration_time: Time = None

    @classmethod
    def of(cls, instance_id: str, fields: dict[str, str], *, online: bool) -> Self:
        """Build the instance from what the ledger holds."""
        names = ("os_type", "os_version", "hostname", "address", "agent_version")
        return cls(
            instance_id=instance_id,
            online=online,
            tags=json.loads(fields.get("tags", "{}")),
            registration_time=moment(fields.get("registration_time")),
            **{name: fields.get(name, "") for name in names},
        )
