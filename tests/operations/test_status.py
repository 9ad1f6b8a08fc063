"""How the agents are, as they say themselves and as their daemons say."""

from datetime import UTC, datetime, timedelta

import pytest

from cloudassist.messages import ClientState, ClientStatus
from cloudassist.store import instances, keys

FIELDS = {
    "InstanceId", "CloudAssistantStatus", "CloudAssistantVersion", "LastHeartbeatTime", "LastInvokedTime",
    "InvocationCount", "ActiveTaskCount", "OSType", "SupportSessionManager", "DaemonStatus", "DaemonHeartbeatTime",
    "ClientState", "ClientRestarts", "ClientReason", "ClientCpuPercent", "ClientRssBytes",
}  # fmt: skip


@pytest.fixture
def status(assistant):
    def status(name="web-1"):
        (row,) = assistant.describe_cloud_assistant_status([name])
        return row

    return status


def test_one_that_is_there_and_one_that_is_not(region, status):
    region.register(["gone-1"], online=False)
    there, gone = status(), status("gone-1")
    assert (there.cloud_assistant_status, gone.cloud_assistant_status) == (True, False)
    assert (there.cloud_assistant_version, gone.cloud_assistant_version) == ("1.0", "")
    assert gone.last_heartbeat_time is None
    assert there.daemon_status == ""
    api = there.model_dump(by_alias=True)
    assert api.keys() == FIELDS
    assert (api["CloudAssistantStatus"], api["SupportSessionManager"]) == ("true", "false")


def test_what_it_has_done_and_has_in_hand(assistant, region, status):
    run = assistant.run_command("true", instance_ids=["web-1"])
    assistant.run_command("true", instance_ids=["web-1"])
    region.end(run.invoke_id, "web-1")
    row = status()
    assert (row.invocation_count, row.active_task_count) == (1, 1)
    assert row.last_invoked_time is not None


@pytest.mark.parametrize(
    ("state", "minutes", "daemon"),
    [
        (ClientState.RUNNING, 0, "Running"),
        (ClientState.DEAD, 2, "Running"),
        (ClientState.RUNNING, 4, "Silent"),
        (ClientState.STOPPED, 0, "Stopped"),
        (ClientState.STOPPED, 4, "Stopped"),
    ],
)
def test_a_daemon_that_has_not_been_heard_of_for_three_minutes_is_silent(
    ledger, server, status, state, minutes, daemon
):
    assert ledger.call(instances.note_client(ClientStatus("web-1", state, 2, "it hung", 7, 50_000_000))) == ""
    heard = datetime.now(UTC) - timedelta(minutes=minutes)
    server.hset(keys.instance("web-1"), "daemon_time", int(1000 * heard.timestamp()))
    row = status()
    assert (row.daemon_status, row.client_state) == (daemon, state)
    assert (row.client_restarts, row.client_reason) == (2, "it hung")
    assert (row.client_cpu_percent, row.client_rss_bytes) == (7, 50_000_000)
    assert abs(row.daemon_heartbeat_time - heard) < timedelta(seconds=1)


def test_systems_and_names_are_chosen(assistant, region):
    region.register(["a-1"])
    found = assistant.describe_cloud_assistant_status(os_type="Linux", max_results=2)
    assert [row.instance_id for row in found.all()] == ["a-1", "web-1", "web-2"]
    assert list(assistant.describe_cloud_assistant_status(os_type="Windows")) == []
    assert [row.instance_id for row in assistant.describe_cloud_assistant_status(["web-2", "nobody"])] == ["web-2"]
