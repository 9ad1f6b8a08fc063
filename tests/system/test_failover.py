"""The server becomes a replica, or another one takes its place."""

import pytest
import redis

from cloudassist import InvokeStatus, LocalStack
from cloudassist.audit import findings
from cloudassist.embedded import free_port
from cloudassist.store.ledger import Ledger
from support.agents import run_soon
from support.servers import at_port, replica_of, sentinel, start_server
from support.stacks import by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SOON = 15.0
"""Seconds within which everything works again: 5 promised for an agent, and the producer waits for the rest as well."""


def started(invocation):
    wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")


def log_of(stack, name):
    return (stack.data_dir / "logs" / f"{name}.log").read_text()


@pytest.mark.matrix("I10")
def test_a_server_that_is_a_replica_for_a_while(tmp_path):
    """READONLY: every pop is answered with an error, over and over; nobody ends, and nobody spins."""
    with LocalStack(instances=1) as stack, stack.assistant() as assistant, redis.Redis.from_url(stack.url) as server:
        invocation = assistant.run_command(logging_script(tmp_path, then="sleep 3; echo ended"), instance_ids=["web-1"])
        started(invocation)
        server.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))
        wait_until(lambda: "read only replica" in log_of(stack, "agent@web-1"), "the agent to notice")
        server.execute_command("REPLICAOF", "NO", "ONE")
        run_soon(assistant, "web-1", SOON)
        assert invocation.wait(SOON).status is InvokeStatus.FINISHED
        assert by_instance(invocation)["web-1"].output == "ended\n"
        assert len(runs(tmp_path)) == 1
        assert log_of(stack, "agent@web-1").count("does not serve") < 10


@pytest.mark.matrix("F8", "I10")
def test_another_server_takes_the_place_of_the_first(tmp_path):
    """Sentinel makes the replica the primary; producers, control plane and agents follow."""
    port = free_port()
    stack = LocalStack(instances=1, address=f"sentinel://127.0.0.1:{port}/0")
    replica_port = free_port()
    with (
        sentinel(tmp_path, port, stack.url) as watcher,
        stack,
        stack.assistant() as assistant,
        redis.Redis.from_url(at_port(stack.url, replica_port), decode_responses=True) as replica,
    ):
        process = start_server(tmp_path / "replica", replica_port, replica_of(stack))
        try:
            wait_until(lambda: watcher.execute_command("SENTINEL", "REPLICAS", "mymaster"), "the replica", 30)
            wait_until(lambda: replica.info("replication")["master_link_status"] == "up", "the first copy", 30)
            script = logging_script(tmp_path, then=f"until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo ended")
            invocation = assistant.run_command(script, instance_ids=["web-1"])
            started(invocation)
            stack.kill("server")
            wait_until(lambda: replica.info("replication")["role"] == "master", "the promotion", 30)
            run_soon(assistant, "web-1", SOON)
            (tmp_path / "go").touch()
            assert invocation.wait(SOON).status is InvokeStatus.FINISHED
            assert by_instance(invocation)["web-1"].output == "ended\n"
            assert len(runs(tmp_path)) == 1
            with Ledger(at_port(stack.url, replica_port)) as ledger:
                assert list(findings(ledger, stack.settings)) == []
        finally:
            stack.close()
            process.terminate()
            process.wait(10)
