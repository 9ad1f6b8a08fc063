"""One instance: who it is, whether it is there, and what it has done (API a.17)."""

import json
from typing import Self

from pydantic import Field

from cloudassist import schema
from cloudassist.models.base import ApiModel, Time, moment
from cloudassist.models.instance_state import InstanceState
from cloudassist.operating_system import is_supported

_AS_WRITTEN = ("os_type", "os_version", "hostname", "address", "agent_version", "machine_id", "activation_id")


class Instance(ApiModel):
    """A registered instance. ``online`` tells whether it gave a sign of life lately.

    ``instance_name`` is the id unless it was given another name. ``activation_id`` is empty where it was not enrolled
    with an activation. ``supported`` tells whether its operating system is one that commands can be run on
    (operating_systems.json). ``upgrade_needed`` tells that its agent speaks a schema that is too far from this one's to
    be given anything to run.
    ``invocation_count`` counts what it has completed, ``active_task_count`` what it has in hand or waiting.
    """

    instance_id: str
    instance_name: str
    activation_id: str = ""
    online: bool = Field(alias="Connected")
    os_type: str = ""
    os_version: str = ""
    supported: bool = False
    hostname: str = ""
    address: str = Field(default="", alias="IntranetIp")
    machine_id: str = ""
    agent_version: str = ""
    upgrade_needed: bool = False
    tags: dict[str, str] = Field(default_factory=dict)
    registration_time: Time = None
    last_heartbeat_time: Time = None
    last_invoked_time: Time = None
    invocation_count: int = 0
    active_task_count: int = 0

    @classmethod
    def of(cls, instance_id: str, state: InstanceState) -> Self:
        """Build the instance from what the ledger holds."""
        facts = state.facts
        return cls(
            instance_id=instance_id,
            instance_name=facts.get("instance_name", instance_id),
            online=state.presence is not None,
            supported=is_supported(facts.get("os_id", ""), facts.get("os_release", "")),
            upgrade_needed=not schema.OLDEST <= int(facts.get("schema", 1)) <= schema.CURRENT,
            tags=json.loads(facts.get("tags", "{}")),
            registration_time=moment(facts.get("registration_time")),
            last_heartbeat_time=moment(state.last_heartbeat),
            last_invoked_time=moment(state.last_invoked),
            invocation_count=state.completed,
            active_task_count=state.open_records,
            **{name: facts.get(name, "") for name in _AS_WRITTEN},
        )
