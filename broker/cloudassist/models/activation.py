"""One activation: a code with which so many machines may become instances for so long (API a.17)."""

import json
from typing import Self

from pydantic import Field

from cloudassist.models.base import ApiModel, Time, moment


class Activation(ApiModel):
    """An activation. ``instance_name`` is what its instances' names begin with; empty: they are called as their hosts.

    ``activation_code`` is there only in the answer to the call that made it: nobody can find it out afterwards.
    """

    activation_id: str
    activation_code: str = ""
    creation_time: Time = None
    expiration_time: Time = None
    instance_count: int
    registered_count: int = 0
    deregistered_count: int = 0
    time_to_live_in_hours: int
    instance_name: str = ""
    description: str = ""
    disabled: bool = False
    tags: dict[str, str] = Field(default_factory=dict)
    caller: str = ""

    @classmethod
    def of(cls, activation_id: str, fields: dict[str, str], code: str = "") -> Self:
        """Build the activation from what the ledger holds."""
        return cls(
            activation_id=activation_id,
            activation_code=code,
            creation_time=moment(fields["creation_time"]),
            expiration_time=moment(fields["expires"]),
            instance_count=int(fields["count"]),
            registered_count=int(fields.get("registered", 0)),
            deregistered_count=int(fields.get("deregistered", 0)),
            time_to_live_in_hours=int(fields["hours"]),
            instance_name=fields["prefix"],
            description=fields["description"],
            disabled=fields["disabled"] == "1",
            tags=json.loads(fields["tags"]),
            caller=fields["caller"],
        )
