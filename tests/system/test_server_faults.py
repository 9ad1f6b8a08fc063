"""The server, the control plane or the way between dies."""

import signal
import threading

import pytest
import redis

from cloudassist import InvokeStatus, LocalStack, topology
from cloudassist.local import free_port
from cloudassist.store import keys
from support.servers import answers, cut, start_server
from support.stacks import FAST, by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def fast():
    with LocalStack(instances=2, control=2, environment=FAST) as stack:
        yield stack


@pytest.fixture
def assistant(fast):
    with fast.assistant() as assistant:
        yield assistant


@pytest.fixture
def server(fast):
    with redis.Redis.from_url(fast.url, decode_responses=True) as client:
        yield client


def test_the_server_is_killed_while_a_script_runs_and_somebody_waits(fast, assistant, tmp_path):
    """B1"""
    invocation = assistant.run_command(
        logging_script(tmp_path, then="sleep 2; echo ok"), instance_ids=fast.instance_ids
    )
    wait_until(lambda: len(runs(tmp_path)) == 2, "both scripts to start")
    waiter = threading.Thread(target=lambda: invocation.wait(timeout=40))
    waiter.start()
    fast.kill("server")
    fast.start("server")
    waiter.join(45)
    assert invocation.status is InvokeStatus.FINISHED
    assert sorted(runs(tmp_path)) == [f"{invocation.invoke_id}.{name}" for name in fast.instance_ids]
    assert {result.output for result in invocation.results()} == {"ok\n"}
    fast.wait_ready()


def test_the_control_plane_is_away(fast, assistant, tmp_path):
    """F14"""
    for name in ("control-1", "control-2"):
        fast.kill(name)
    invocation = assistant.run_command(logging_script(tmp_path), instance_ids=fast.instance_ids)
    wait_until(lambda: len(runs(tmp_path)) == 2, "both scripts to run")
    assert invocation.refresh().status is InvokeStatus.RUNNING
    for name in ("control-1", "control-2"):
        fast.start(name)
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
    fast.wait_ready()


def test_an_aggregator_dies_with_reports_in_its_hands(fast, assistant, server):
    """F13: what it had taken is taken over by the other one, and nothing counts twice."""
    for name in ("control-1", "control-2"):
        fast.kill(name, signal.SIGSTOP)
    invocation = assistant.run_command("echo ok", instance_ids=fast.instance_ids)
    # Both were waiting, so the server has put a report into the hands of each.
    taken = wait_until(lambda: len(found := server.keys("taken:*")) == 2 and found, "both to have taken a report")
    fast.kill("control-1")
    fast.kill("control-2", signal.SIGCONT)
    wait_until(lambda: invocation.refresh().counts["Finished"], "the living one to apply its own")
    for key in taken:
        if server.exists(key):
            server.zadd(keys.TAKERS, {key.removeprefix("taken:"): 0})
    assert invocation.wait(timeout=30).status is InvokeStatus.FINISHED
    assert invocation.refresh().total == 2
    wait_until(lambda: not any(server.exists(key) for key in taken), "the taken lists to be emptied")
    fast.start("control-1")
    fast.wait_ready()


def test_dispatch_is_away_and_nothing_is_lost(fast, assistant, server, tmp_path):
    fast.kill("dispatch-1")
    fast.kill("agent@web-2", signal.SIGSTOP)
    cut(server)
    invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-2"])
    assert server.rpop(topology.instance_queue("web-2"))
    fast.kill("agent@web-2", signal.SIGCONT)
    wait_until(lambda: server.llen(topology.DISPATCH_QUEUE), "the sweeper to ask for a redelivery")
    fast.start("dispatch-1")
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
    assert len(runs(tmp_path)) == 1


def test_a_failover_ends_no_worker(fast, assistant, server, tmp_path):
    """T26: a server that becomes a replica answers every blocked pop with an error, then refuses to write."""
    before = {name: process.pid for name, process in fast.processes.items()}
    port = int(fast.url.rpartition(":")[2].split("/")[0])
    other_port = free_port()
    replica = start_server(tmp_path / "replica", other_port, ["--replicaof", f"127.0.0.1 {port}"])
    try:
        with redis.Redis(port=other_port, decode_responses=True) as other:
            wait_until(
                lambda: answers(other) and other.info("replication")["master_link_status"] == "up", "the replica"
            )
            other.replicaof("NO", "ONE")
            server.replicaof("127.0.0.1", other_port)
            wait_until(lambda: server.info("replication")["role"] == "slave", "the server to be a replica")
            wait_until(lambda: server.info("replication")["master_link_status"] == "up", "the link")
            server.replicaof("NO", "ONE")
        assert ended(fast) == {}
        fast.wait_ready()
        invocation = assistant.run_command(logging_script(tmp_path), instance_ids=fast.instance_ids)
        assert invocation.wait(timeout=30).status is InvokeStatus.FINISHED
        assert len(runs(tmp_path)) == 2
        assert {name: process.pid for name, process in fast.processes.items()} == before
    finally:
        replica.terminate()
        replica.wait(10)


def ended(stack):
    """Return the ends of the logs of processes that have ended."""
    logs = stack.data_dir / "logs"
    return {
        name: (logs / f"{name}.log").read_text()[-3000:]
        for name, process in stack.processes.items()
        if process.poll() is not None
    }


def test_the_server_comes_back_without_its_data(tmp_path):
    """F7: agents register again by themselves; nothing runs twice; what is gone says so."""
    with LocalStack(instances=1, environment=FAST) as stack, stack.assistant() as assistant:
        invocation = assistant.run_command(logging_script(tmp_path, then="sleep 1"), instance_ids=["web-1"])
        wait_until(lambda: runs(tmp_path), "the script to start")
        with redis.Redis.from_url(stack.url) as server:
            server.flushall()
            server.function_flush()
            server.client_kill_filter(_type="normal", skipme=True)
        wait_until(lambda: assistant.describe_instances().total_count == 1, "the instance to register again")
        stack.wait_ready()
        again = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
        assert again.wait(timeout=20).status is InvokeStatus.FINISHED
        assert runs(tmp_path) == [f"{invocation.invoke_id}.web-1", f"{again.invoke_id}.web-1"]
        assert by_instance(again)["web-1"].exit_code == 0
