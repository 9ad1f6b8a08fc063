"""One instance: who it is, whether it is there, and what it has done (API a.12, a.17)."""

import json
from typing import Self

from pydantic import Field

from cloudassist.errors import MessageError
from cloudassist.models.base import ApiModel, Time, moment
from cloudassist.presence import Presence


class Instance(ApiModel):
    """A registered instance. ``online`` tells whether it gave a sign of life lately.

    ``invocation_count`` counts what it has completed, ``active_task_count`` what it has in hand or waiting.
    """

    instance_id: str
    instance_name: str
    online: bool = Field(alias="Connected")
    os_type: str = ""
    os_version: str = ""
    hostname: str = ""
    address: str = Field(default="", alias="IntranetIp")
    agent_version: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    registration_time: Time = None
    last_heartbeat_time: Time = None
    last_invoked_time: Time = None
    invocation_count: int = 0
    active_task_count: int = 0

    @classmethod
    def of(cls, instance_id: str, fields: dict[str, str], presence: bytes | None, open_records: int) -> Self:
        """Build the instance from what the ledger holds."""
        names = ("os_type", "os_version", "hostname", "address", "agent_version")
        return cls(
            instance_id=instance_id,
            instance_name=instance_id,
            online=presence is not None,
            tags=json.loads(fields.get("tags", "{}")),
            registration_time=moment(fields.get("registration_time")),
            last_heartbeat_time=moment(_heard(presence) or fields.get("last_heartbeat_time")),
            last_invoked_time=moment(fields.get("last_invoked_time")),
            invocation_count=int(fields.get("invocation_count", 0)),
            active_task_count=open_records,
            **{name: fields.get(name, "") for name in names},
        )


def _heard(presence: bytes | None) -> int | None:
    try:
        return None if presence is None else Presence.decode(presence).time
    except MessageError:
        return None
