"""The server, the control plane or the way between dies."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from cloudassist import InvokeStatus, LocalStack, topology
from cloudassist.embedded import free_port
from cloudassist.errors import NotFoundError, ServiceUnavailableError
from cloudassist.store import keys
from support.servers import answers, at_port, cut, replica_of, start_server
from support.stacks import FAST, by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = pytest.mark.system

PRODUCING = Path(__file__).parents[1] / "support" / "producing.py"
FAIL_SECONDS = 5.0
"""Seconds within which a call has failed where there is no server."""


@pytest.fixture(scope="module")
def fast():
    with LocalStack(instances=2, control=2, environment=FAST) as stack:
        yield stack


@pytest.fixture(autouse=True)
def all_back(fast):
    """Whatever a test does to the processes, the next one finds them all."""
    yield
    for name, process in fast.processes.items():  # the server is the first
        fast.kill(name, signal.SIGCONT)
        if process.poll() is not None:
            fast.start(name)
    fast.wait_ready()


@pytest.fixture
def assistant(fast):
    with fast.assistant() as assistant:
        yield assistant


@pytest.fixture
def server(fast):
    with redis.Redis.from_url(fast.url, decode_responses=True) as client:
        yield client


@pytest.mark.parametrize("persistence", ["everysec", "always"])
@pytest.mark.matrix("F4", "I10")
def test_the_server_is_killed_while_a_script_runs_and_somebody_waits(fast, assistant, server, tmp_path, persistence):
    """B1"""
    server.config_set("appendfsync", persistence)
    invocation = assistant.run_command(
        logging_script(tmp_path, then="sleep 1; echo ok"), instance_ids=fast.instance_ids
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


@pytest.mark.matrix("F3")
def test_a_call_while_the_server_is_away_fails_at_once_and_leaves_nothing(fast, assistant, server, tmp_path):
    call = {"instance_ids": fast.instance_ids, "client_token": f"token-{tmp_path.name}"}
    before = assistant.describe_invocations().total_count
    fast.kill("server")
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailableError):
        assistant.run_command(logging_script(tmp_path), **call)
    assert time.monotonic() - begun < FAIL_SECONDS
    fast.start("server")
    wait_until(lambda: answers(server), "the server")
    assert assistant.describe_invocations().total_count == before
    fast.wait_ready()
    assert assistant.run_command(logging_script(tmp_path), **call).wait(20).status is InvokeStatus.FINISHED
    assert len(runs(tmp_path)) == 2


@pytest.mark.parametrize("point", ["begun", "planned", "publishing"])
@pytest.mark.matrix("F1", "I2")
def test_a_producer_is_killed_at(fast, assistant, tmp_path, point):
    """The same call with the same token is the same run, whatever there was of it; and there is no other."""
    before = assistant.describe_invocations().total_count
    script, token = logging_script(tmp_path), f"token-{tmp_path.name}"
    command = [sys.executable, PRODUCING, point, token, script, *fast.instance_ids]
    environment = os.environ | fast.environment("producer") | {"PYTHONPATH": str(PRODUCING.parents[1])}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert assistant.describe_invocations().total_count == before + (point != "begun")
    again = wait_until(lambda: called(assistant, script, fast.instance_ids, token), "the call to be taken")
    assert again.wait(20).status is InvokeStatus.FINISHED
    assert sorted(runs(tmp_path)) == [f"{again.invoke_id}.{name}" for name in fast.instance_ids]
    assert assistant.describe_invocations().total_count == before + 1


def called(assistant, script, instance_ids, token):
    """Return the run of a call; None where it is to be tried again."""
    try:
        return assistant.run_command(script, instance_ids=instance_ids, client_token=token)
    except ServiceUnavailableError:
        return None


@pytest.mark.matrix("F5", "I5")
def test_the_server_has_lost_what_it_had_confirmed(fast, assistant, server, tmp_path):
    """As after a loss of power: the end of its file is gone, and the reports with it."""
    script = logging_script(tmp_path, then=f"until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo ok")
    invocation = assistant.run_command(script, instance_ids=fast.instance_ids)
    wait_until(lambda: all(result.start_time for result in invocation.results()), "both scripts to be seen to run")
    (file,) = (fast.data_dir / "server" / "appendonlydir").glob("*.incr.aof")
    size = file.stat().st_size
    (tmp_path / "go").touch()
    assert invocation.wait(20).status is InvokeStatus.FINISHED
    for name in ("control-1", "control-2"):
        fast.kill(name, signal.SIGSTOP)
    fast.kill("server")
    fast.processes["server"].wait(10)
    os.truncate(file, size)
    fast.start("server")
    wait_until(lambda: answers(server), "the server")
    again = assistant.invocation(invocation.invoke_id)
    assert again.status is InvokeStatus.RUNNING
    for name in ("control-1", "control-2"):
        fast.kill(name, signal.SIGCONT)
    assert again.wait(30).status is InvokeStatus.FINISHED
    assert {result.output for result in again.results()} == {"ok\n"}
    assert len(runs(tmp_path)) == 2


def log_of(stack, name):
    return (stack.data_dir / "logs" / f"{name}.log").read_text()


@pytest.mark.matrix("F14", "I10")
def test_the_control_plane_is_away(fast, assistant, tmp_path):
    for name in ("control-1", "control-2"):
        fast.kill(name)
    invocation = assistant.run_command(logging_script(tmp_path), instance_ids=fast.instance_ids)
    wait_until(lambda: len(runs(tmp_path)) == 2, "both scripts to run")
    assert invocation.refresh().status is InvokeStatus.RUNNING
    for name in ("control-1", "control-2"):
        fast.start(name)
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED


@pytest.mark.matrix("F13", "I5")
def test_an_aggregator_dies_with_reports_in_its_hands(fast, assistant, server):
    """What it had taken is taken over by the other one, and nothing counts twice."""
    for name in ("control-1", "control-2"):
        fast.kill(name, signal.SIGSTOP)
    cut(server)
    invocation = assistant.run_command("echo ok", instance_ids=fast.instance_ids)
    # Instances also say who they are again: their connections were cut.
    wait_until(lambda: len(last_reports(server)) == 2, "two last reports")
    pid = str(fast.processes["control-1"].pid)
    (dying,) = [taker for taker in server.zrange(keys.TAKERS, 0, -1) if f"-{pid}-" in taker]
    server.rename(topology.REPORTS_QUEUE, keys.taken(dying))
    server.zadd(keys.TAKERS, {dying: 0})
    fast.kill("control-1")
    fast.kill("control-2", signal.SIGCONT)
    assert invocation.wait(timeout=30).status is InvokeStatus.FINISHED
    assert invocation.refresh().total == 2
    wait_until(lambda: not server.exists(keys.taken(dying)), "the taken list to be emptied")


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


@pytest.mark.matrix("F8", "I10")
def test_a_failover_ends_no_worker(fast, assistant, server, tmp_path):
    """T26: a server that becomes a replica answers every blocked pop with an error, then refuses to write."""
    before = {name: process.pid for name, process in fast.processes.items()}
    other_port = free_port()
    replica = start_server(tmp_path / "replica", other_port, replica_of(fast))
    try:
        with redis.Redis.from_url(at_port(fast.url, other_port), decode_responses=True) as other:
            wait_until(
                lambda: answers(other) and other.info("replication")["master_link_status"] == "up", "the replica"
            )
            other.replicaof("NO", "ONE")
            login = urlsplit(fast.url)
            server.config_set("masteruser", login.username)
            server.config_set("masterauth", login.password)
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


def last_reports(server):
    """Return the last reports that wait for an aggregator."""
    return [message for message in server.lrange(topology.REPORTS_QUEUE, 0, -1) if r"\"kind\":\"ended\"" in message]


def ended(stack):
    """Return the ends of the logs of processes that have ended."""
    logs = stack.data_dir / "logs"
    return {
        name: (logs / f"{name}.log").read_text()[-3000:]
        for name, process in stack.processes.items()
        if process.poll() is not None
    }


def test_everything_can_be_stopped_while_the_server_is_away(fast):
    """A worker that waits for the server hears a signal as well as one that works."""
    fast.kill("server")
    others = {name: process for name, process in fast.processes.items() if name != "server"}
    for name in others:
        fast.kill(name, signal.SIGTERM)
    assert {name: process.wait(15) for name, process in others.items()} == dict.fromkeys(others, 0)


@pytest.mark.matrix("F7", "I10")
def test_the_server_comes_back_without_its_data(tmp_path):
    """Agents register again by themselves; nothing runs twice; what is gone says so."""
    with LocalStack(instances=1, environment=FAST) as stack, stack.assistant() as assistant:
        invocation = assistant.run_command(logging_script(tmp_path, then="sleep 1"), instance_ids=["web-1"])
        wait_until(lambda: runs(tmp_path), "the script to start")
        stack.kill("server")
        stack.processes["server"].wait(10)
        shutil.rmtree(stack.data_dir / "server" / "appendonlydir")
        stack.start("server")
        stack.wait_ready()
        assert assistant.describe_instances().total_count == 1
        with pytest.raises(NotFoundError):
            assistant.invocation(invocation.invoke_id)
        again = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
        assert again.wait(timeout=20).status is InvokeStatus.FINISHED
        assert runs(tmp_path) == [f"{invocation.invoke_id}.web-1", f"{again.invoke_id}.web-1"]
        assert by_instance(again)["web-1"].exit_code == 0
