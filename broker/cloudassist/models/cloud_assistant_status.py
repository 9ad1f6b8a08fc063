"""How the client (the agent) of one instance is, as it says itself and as its daemon says (API a.12)."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, PlainSerializer

from cloudassist.models.base import ApiModel, Time, moment
from cloudassist.models.instance_state import InstanceState

SILENT_AFTER: Final = timedelta(minutes=3)
"""Time after its last report at which a daemon counts as silent; it reports every minute."""

Flag = Annotated[bool, PlainSerializer(lambda value: "true" if value else "false", return_type=str)]
"""A truth that the API writes as text."""


class DaemonStatus(StrEnum):
    """Whether the daemon of an instance is there."""

    RUNNING = "Running"
    STOPPED = "Stopped"
    SILENT = "Silent"
    NONE = ""


class CloudAssistantStatus(ApiModel):
    """How Cloud Assistant is on one instance.

    ``cloud_assistant_status`` tells whether its client is there; the version is empty where it is not. What begins with
    ``client_`` is what the daemon said last: the client's state (Starting, Running, Dead, Stopped), how often and why
    it was restarted since the daemon started, percent of a processor, and bytes of memory. ``daemon_status`` is empty
    where no daemon was ever heard of.
    """

    instance_id: str
    cloud_assistant_status: Flag
    cloud_assistant_version: str = ""
    last_heartbeat_time: Time = None
    last_invoked_time: Time = None
    invocation_count: int = 0
    active_task_count: int = 0
    os_type: str = Field(default="", alias="OSType")
    support_session_manager: Flag = False
    daemon_status: DaemonStatus = DaemonStatus.NONE
    daemon_heartbeat_time: Time = None
    client_state: str = ""
    client_restarts: int = 0
    client_reason: str = ""
    client_cpu_percent: int = 0
    client_rss_bytes: int = 0

    @classmethod
    def of(cls, instance_id: str, state: InstanceState) -> Self:
        """Build the row from what the ledger holds."""
        facts, online = state.facts, state.presence is not None
        heard = moment(facts.get("daemon_time"))
        return cls(
            instance_id=instance_id,
            cloud_assistant_status=online,
            cloud_assistant_version=facts.get("agent_version", "") if online else "",
            last_heartbeat_time=moment(state.last_heartbeat),
            last_invoked_time=moment(state.last_invoked),
            invocation_count=state.completed,
            active_task_count=state.open_records,
            os_type=facts.get("os_type", ""),
            daemon_status=_daemon(heard, moment(state.now), facts.get("client_state", "")),
            daemon_heartbeat_time=heard,
            client_state=facts.get("client_state", ""),
            client_reason=facts.get("client_reason", ""),
            **{name: int(facts.get(name, 0)) for name in ("client_restarts", "client_cpu_percent", "client_rss_bytes")},
        )


def _daemon(heard: datetime | None, now: datetime | None, client_state: str) -> DaemonStatus:
    if heard is None or now is None:
        return DaemonStatus.NONE
    if client_state == DaemonStatus.STOPPED:
        return DaemonStatus.STOPPED
    return DaemonStatus.SILENT if now - heard > SILENT_AFTER else DaemonStatus.RUNNING
