"""Agents of another version: one older works, one further away is told so."""

import signal

import pytest
import redis

from cloudassist import InvocationStatus, InvokeStatus, schema, topology
from cloudassist.store import keys
from support.older import SAID, older
from support.servers import cut
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def assistant(near):
    with near.assistant() as assistant:
        yield assistant


@pytest.fixture
def server(near):
    with redis.Redis.from_url(near.url, decode_responses=True) as client:
        yield client


def wait_known(assistant, name):
    wait_until(lambda: len(assistant.describe_instances(instance_name=name)), f"{name} to be registered")


def test_an_agent_one_version_older_runs_scripts_and_stops_them(near, assistant, tmp_path):
    with older(near, "older-1", tmp_path) as agent:
        wait_known(assistant, agent.name)
        agent.say("client")
        (instance,) = assistant.describe_instances(instance_name=agent.name)
        assert (instance.online, instance.agent_version, instance.upgrade_needed) == (True, "0.0.9", False)
        run = assistant.run_command("echo {{name}}", instance_ids=[agent.name], parameters={"name": "x"})
        order, payload = agent.take_run()
        assert order["schema"] == payload["v"] == 1
        assert list(payload) == SAID["payload"]
        agent.say("started", order["record_id"])
        agent.say("ended", order["record_id"])
        assert run.wait(timeout=20).status is InvokeStatus.FINISHED
        result = by_instance(run)[agent.name]
        assert (result.exit_code, result.output, result.start_time is None) == (3, "older", False)
        wait_until(lambda: assistant.describe_cloud_assistant_status([agent.name])[0].client_state, "its daemon's word")

        run = assistant.run_command("sleep 60", instance_ids=[agent.name])
        order, _ = agent.take_run()
        agent.say("started", order["record_id"])
        wait_until(lambda: by_instance(run)[agent.name].start_time, "the start to be known")
        run.stop()
        assert agent.take(topology.control_queue(agent.name))["record_id"] == order["record_id"]
        agent.say("stopped", order["record_id"])
        assert run.wait(timeout=20).status is InvokeStatus.STOPPED


def test_what_an_older_agent_cannot_read_is_not_sent_to_it(near, assistant, server, tmp_path):
    with older(near, "older-2", tmp_path) as agent:
        wait_known(assistant, agent.name)
        run = assistant.run_command(
            "echo {{token}} | wc -c", instance_ids=["near", agent.name], parameters={"token": "secret"}
        )
        assert run.wait(timeout=20).status is InvokeStatus.PARTIAL_FAILED
        result = by_instance(run)[agent.name]
        assert (result.error_code, result.detail_status) == ("ClientNeedUpgrade", "Aborted")
        assert result.error_info == "its agent speaks schema 1; this run needs 2"
        assert by_instance(run)["near"].output.strip() == "7"
        assert server.llen(topology.instance_queue(agent.name)) == 0


@pytest.mark.parametrize("version", [schema.OLDEST - 1, schema.CURRENT + 1])
def test_an_agent_too_far_away_is_told_to_upgrade(near, assistant, server, tmp_path, version):
    with older(near, f"far-{version}", tmp_path, version) as agent:
        wait_known(assistant, agent.name)
        (instance,) = assistant.describe_instances(instance_name=agent.name)
        assert instance.upgrade_needed
        run = assistant.run_command("true", instance_ids=["near", agent.name]).wait(timeout=20)
        assert run.status is InvokeStatus.PARTIAL_FAILED
        result = by_instance(run)[agent.name]
        assert (result.status, result.error_code) == (InvocationStatus.FAILED, "ClientNeedUpgrade")
        assert result.error_info.startswith(f"its agent speaks schema {version}; this run needs")
        agent.say("ended", result.record_id)
        wait_until(lambda: server.hget(keys.REJECTED_COUNTS, "unknown-schema"), "its reports to be put aside")


def test_a_run_written_by_an_older_version_is_sent_again_and_run(near, assistant, server, tmp_path):
    """The ledger of before: a run that does not say which schema its orders are written in."""
    with older(near, "older-3", tmp_path) as agent:
        wait_known(assistant, agent.name)
        near.kill("agent@near", signal.SIGSTOP)
        cut(server)
        run = assistant.run_command("echo served", instance_ids=["near", agent.name])
        assert server.hdel(keys.invocation(run.invoke_id), "schema") == 1
        assert server.rpop(topology.instance_queue("near"))
        near.kill("agent@near", signal.SIGCONT)
        order, _ = agent.take_run()
        agent.say("ended", order["record_id"])
        assert run.wait(timeout=30).status is InvokeStatus.FINISHED
        assert by_instance(run)["near"].output == "served\n"
