"""The agent dies, stalls, drains, or meets itself."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import redis

from cloudassist import Assistant, InvocationStatus, InvokeStatus, LocalStack, topology
from cloudassist.settings import PREFIX
from support.agents import RUN, agent
from support.disks import needs_mount
from support.processes import marked
from support.servers import cut
from support.serving import refused
from support.stacks import FAST, by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = pytest.mark.system

BUSY = 0.5
"""The part of a processor that an agent with nothing to do does not use; one that never rests uses all of it."""


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    own = {"CLOUDASSIST_EXECUTION_PATH": str(tmp_path_factory.mktemp("scripts"))}
    with LocalStack(instances=2, environment=FAST | own) as stack:
        yield stack


@pytest.fixture
def assistant(fast):
    with fast.assistant() as assistant:
        yield assistant


@pytest.fixture
def server(fast):
    with redis.Redis.from_url(fast.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def web_1(fast):
    """The first agent, which the test may kill; it is brought back afterwards."""
    yield "agent@web-1"
    if fast.processes["agent@web-1"].poll() is not None:
        fast.start("agent@web-1")
        fast.wait_ready()


@pytest.mark.matrix("F30", "F77")
def test_killed_while_a_script_runs(fast, assistant, web_1, tmp_path):
    """C7: after the commit point a record is never started again; what is left of it is ended and reported."""
    invocation = assistant.run_command(logging_script(tmp_path, then="sleep 60"), instance_ids=["web-1"])
    wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
    record_id = f"{invocation.invoke_id}.web-1"
    fast.kill(web_1)
    assert marked(record_id)
    fast.start(web_1)
    assert invocation.wait(timeout=20).status is InvokeStatus.FAILED
    result = by_instance(invocation)["web-1"]
    assert (result.error_code, result.detail_status) == ("ExecutionInterrupted", "Error")
    assert result.start_time is not None
    assert marked(record_id) == set()
    assert runs(tmp_path) == [record_id]


@pytest.mark.matrix("F30", "F76")
def test_a_script_that_kills_its_agent(fast, assistant, web_1, tmp_path):
    script = logging_script(tmp_path, then="sleep 0.5; kill -KILL $PPID; sleep 60")
    invocation = assistant.run_command(script, instance_ids=["web-1"])
    assert fast.processes[web_1].wait(10) == -signal.SIGKILL
    fast.start(web_1)
    assert invocation.wait(timeout=20).status is InvokeStatus.FAILED
    result = by_instance(invocation)["web-1"]
    assert result.error_code == "ExecutionInterrupted"
    assert runs(tmp_path) == [result.record_id]
    assert marked(result.record_id) == set()


@pytest.mark.matrix("F23")
def test_the_message_is_lost_on_the_way(fast, assistant, server, tmp_path):
    """C1, N1: popped by nobody who lives; the order is signed and sent again."""
    fast.kill("agent@web-2", signal.SIGSTOP)
    cut(server)
    invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-2"])
    assert server.rpop(topology.instance_queue("web-2"))
    fast.kill("agent@web-2", signal.SIGCONT)
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
    assert runs(tmp_path) == [f"{invocation.invoke_id}.web-2"]


def test_offline_at_the_call(fast, assistant, web_1, server, tmp_path):
    fast.kill(web_1)
    wait_until(lambda: not server.exists(topology.presence_key("web-1")), "web-1 to count as offline")
    assert [instance.online for instance in assistant.describe_instances()] == [False, True]
    invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1", "web-2"])
    assert invocation.wait(timeout=20).status is InvokeStatus.PARTIAL_FAILED
    result = by_instance(invocation)["web-1"]
    assert (result.status, result.error_code) == (InvocationStatus.FAILED, "ClientNotRunning")
    assert result.detail_status == "Aborted"
    assert by_instance(invocation)["web-2"].status is InvocationStatus.FINISHED
    fast.start(web_1)
    fast.wait_ready()
    assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    assert runs(tmp_path) == [f"{invocation.invoke_id}.web-2"]


@pytest.mark.matrix("I6")
def test_not_claimed_in_time(fast, assistant, web_1, tmp_path):
    """What was reported as not delivered can never start, whoever comes back."""
    fast.kill(web_1)
    invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
    assert invocation.wait(timeout=20).status is InvokeStatus.FAILED
    result = by_instance(invocation)["web-1"]
    assert (result.error_code, result.detail_status, result.start_time) == ("DeliveryTimeout", "Aborted", None)
    fast.start(web_1)
    fast.wait_ready()
    assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    assert runs(tmp_path) == []
    assert by_instance(invocation)["web-1"] == result


def test_offline_at_the_call_and_back_within_the_time_given(fast, assistant, web_1, server, tmp_path):
    fast.kill(web_1)
    wait_until(lambda: not server.exists(topology.presence_key("web-1")), "web-1 to count as offline")
    awaited = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"], deliver_within=3_600)
    stopped = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"], deliver_within=3_600)
    missed = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"], deliver_within=1)
    assert by_instance(awaited)["web-1"].detail_status == "Pending"
    stopped.stop()
    assert stopped.wait(timeout=5).status is InvokeStatus.STOPPED
    assert missed.wait(timeout=20).status is InvokeStatus.FAILED
    assert by_instance(missed)["web-1"].error_code == "DeliveryTimeout"
    fast.start(web_1)
    assert awaited.wait(timeout=20).status is InvokeStatus.FINISHED
    assert runs(tmp_path) == [f"{awaited.invoke_id}.web-1"]


def test_back_within_the_time_given_and_the_order_is_lost(fast, assistant, web_1, server, tmp_path):
    fast.kill(web_1)
    wait_until(lambda: not server.exists(topology.presence_key("web-1")), "web-1 to count as offline")
    awaited = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"], deliver_within=3_600)
    assert server.delete(topology.instance_queue("web-1"))
    fast.start(web_1)
    assert awaited.wait(timeout=20).status is InvokeStatus.FINISHED
    assert runs(tmp_path) == [f"{awaited.invoke_id}.web-1"]


@pytest.mark.matrix("I2", "I3")
@pytest.mark.timeout(90)
def test_gone_for_good_while_a_script_runs(fast, assistant, web_1, tmp_path):
    invocation = assistant.run_command(logging_script(tmp_path, then="sleep 60"), instance_ids=["web-1"], timeout=10)
    wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
    fast.kill(web_1)
    assert invocation.wait(timeout=40).status is InvokeStatus.FAILED
    result = by_instance(invocation)["web-1"]
    assert (result.error_code, result.detail_status) == ("ClientNotResponse", "Error")
    # It comes back after all: its word is kept, the status stays.
    fast.start(web_1)
    fast.wait_ready()
    wait_until(lambda: by_instance(invocation)["web-1"].late_status, "its word to be kept")
    later = by_instance(invocation)["web-1"]
    assert (later.status, later.error_code, later.finish_time) == (result.status, result.error_code, result.finish_time)
    assert (later.late_status, later.late_error_code) == (InvocationStatus.FAILED, "ExecutionInterrupted")
    assert runs(tmp_path) == [result.record_id]


def test_a_stop_that_is_lost_is_sent_again(fast, assistant, server, tmp_path):
    invocation = assistant.run_command("sleep 60", instance_ids=["web-2"])
    wait_until(lambda: by_instance(invocation)["web-2"].start_time, "the script to start")
    fast.kill("agent@web-2", signal.SIGSTOP)
    cut(server)
    invocation.stop()
    assert server.rpop(topology.control_queue("web-2"))
    fast.kill("agent@web-2", signal.SIGCONT)
    assert invocation.wait(timeout=20).status is InvokeStatus.STOPPED


@pytest.mark.matrix("F28", "F44", "I6")
def test_what_waits_too_long_behind_a_full_agent_ends_without_running(fast, assistant, server, tmp_path):
    """It waits in its queue, whatever there is of it; and an agent that is full has nothing to do."""
    until = f"until [ -e {tmp_path}/go ]; do sleep 0.2; done"
    full = [assistant.run_command(until, instance_ids=["web-2"]) for _ in range(10)]
    wait_until(lambda: all(by_instance(run)["web-2"].start_time for run in full), "ten scripts to run")
    agent_process = psutil.Process(fast.processes["agent@web-2"].pid)
    with Assistant(settings=replace(fast.settings, start_window_seconds=2)) as hasty:
        begun, used = time.monotonic(), sum(agent_process.cpu_times()[:2])
        late = [hasty.run_command(logging_script(tmp_path), instance_ids=["web-2"]) for _ in range(40)]
        patient = assistant.run_command(logging_script(tmp_path), instance_ids=["web-2"])
        for run in late:
            assert run.wait(20).status is InvokeStatus.FAILED
        seconds, used = time.monotonic() - begun, sum(agent_process.cpu_times()[:2]) - used
    ends = {(each.error_code, each.detail_status, each.start_time) for run in late for each in run.results()}
    assert ends == {("DeliveryTimeout", "Aborted", None)}
    assert used < BUSY * seconds
    waiting = Counter(
        json.loads(item)["headers"]["id"] for item in server.lrange(topology.instance_queue("web-2"), 0, -1)
    )
    assert {waiting.pop(f"{run.invoke_id}.web-2") for run in [*late, patient]} == {1}
    # One that was slow to tell of its start was asked for again, which a full agent does not hear.
    assert waiting.keys() <= {f"{run.invoke_id}.web-2" for run in full}
    (tmp_path / "go").touch()
    assert {run.wait(20).status for run in [*full, patient]} == {InvokeStatus.FINISHED}
    assert runs(tmp_path) == [f"{patient.invoke_id}.web-2"]


@pytest.mark.matrix("F38", "I1", "I2")
def test_a_journal_that_is_wiped_away_with_all_that_names_it(fast, assistant, web_1, server, tmp_path):
    """What it had claimed is a stranger's now: refused, counted, never run again, and ended by a stop, or by time."""
    invocation = assistant.run_command(logging_script(tmp_path, then="sleep 60"), instance_ids=["web-1"])
    wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
    record_id = f"{invocation.invoke_id}.web-1"
    fast.kill(web_1)
    fast.processes[web_1].wait(10)
    for file in (fast.data_dir / "state" / "agents" / "web-1").glob("journal*"):
        file.unlink()
    fast.start(web_1)
    fast.wait_ready()
    wait_until(lambda: refused(server, "web-1").get("foreign-claim"), "the order to come again, and to be refused")
    assert assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20).status is InvokeStatus.FINISHED
    invocation.stop()
    assert invocation.wait(timeout=20).status is InvokeStatus.STOPPED
    assert runs(tmp_path) == [record_id]
    for pid in marked(record_id):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.matrix("F32")
def test_draining_ends_what_runs_and_starts_nothing_new(fast, assistant, web_1, server, tmp_path):
    invocation = assistant.run_command(logging_script(tmp_path, then="sleep 1; echo done"), instance_ids=["web-1"])
    wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
    process = fast.processes[web_1]
    fast.kill(web_1, signal.SIGTERM)
    wait_until(lambda: drains(server, "web-1"), "the agent to drain")
    late = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
    assert by_instance(invocation)["web-1"].output == "done\n"
    assert process.wait(10) == 0
    assert not server.exists(topology.presence_key("web-1"))
    assert runs(tmp_path) == [f"{invocation.invoke_id}.web-1"]
    fast.start(web_1)
    assert late.wait(timeout=20).status is InvokeStatus.FINISHED


@pytest.mark.matrix("F32")
def test_draining_still_hears_stops(fast, assistant, web_1):
    invocation = assistant.run_command("sleep 60", instance_ids=["web-1"])
    wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
    process = fast.processes[web_1]
    fast.kill(web_1, signal.SIGTERM)
    invocation.stop()
    assert invocation.wait(timeout=20).status is InvokeStatus.STOPPED
    assert process.wait(10) == 0


def drains(server, instance_id):
    return '"draining":true' in (server.get(topology.presence_key(instance_id)) or "")


@pytest.mark.matrix("F32")
def test_a_second_signal_ends_the_scripts(fast, assistant, web_1, server):
    invocation = assistant.run_command("sleep 60", instance_ids=["web-1"])
    wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
    process = fast.processes[web_1]
    fast.kill(web_1, signal.SIGTERM)
    wait_until(lambda: drains(server, "web-1"), "the first signal to arrive")
    fast.kill(web_1, signal.SIGTERM)
    assert process.wait(10) == 0
    was_interrupted(invocation, "web-1")


@pytest.mark.matrix("F32")
def test_draining_has_a_limit(fast, assistant, tmp_path):
    """Whoever told the agent to end did not ask for a stop of the script: it has failed."""
    with agent(fast, "limited", tmp_path, DRAIN_SECONDS="1") as limited:
        invocation = assistant.run_command("sleep 60", instance_ids=["limited"])
        wait_until(lambda: by_instance(invocation)["limited"].start_time, "the script to start")
        assert limited.term() >= 1
        assert "1 s are over: ending 1 scripts" in limited.log
        was_interrupted(invocation, "limited")


def was_interrupted(invocation, name):
    assert invocation.wait(timeout=20).status is InvokeStatus.FAILED
    result = by_instance(invocation)[name]
    assert (result.error_code, result.exit_code) == ("ExecutionInterrupted", None)
    assert "the agent had to end; 2 processes were ended" in result.error_info
    assert marked(result.record_id) == set()


@pytest.mark.matrix("F40")
def test_another_machine_is_refused_until_it_is_enrolled_anew(fast, assistant, server, tmp_path):
    """The id belongs to the key and the machine that came first, also while those are away."""
    with agent(fast, "owned", tmp_path):
        pass
    wait_until(lambda: not server.exists(topology.presence_key("owned")), "the first one to be gone")
    with agent(fast, "owned", tmp_path / "elsewhere", wait=False) as other:
        other.wait_for("owned belongs to another machine, and is refused until it is enrolled anew")
        assert not server.exists(topology.presence_key("owned"))
        failed = assistant.run_command("true", instance_ids=["owned"]).wait(timeout=20)
        assert by_instance(failed)["owned"].error_code == "ClientNotRunning"
        assert other.term() < 5
    with agent(fast, "owned", tmp_path):
        assert assistant.run_command("true", instance_ids=["owned"]).wait(timeout=20).status is InvokeStatus.FINISHED


def test_one_that_was_let_in_before_it_was_known_is_sent_away(fast, server, tmp_path):
    """Its registration is refused: the next sign of life tells it whose the id is."""
    with agent(fast, "early", tmp_path, wait=False) as early:
        wait_until(lambda: server.exists(topology.owner_key("early")), "the registration")
        server.set(topology.owner_key("early"), "somebody/else")
        early.wait_for("early belongs to another machine")
        assert early.process.wait(10) == 0


def agent_environment(stack, **settings):
    environment = stack.environment("agent", settings["INSTANCE_ID"]) | {
        PREFIX + name: value for name, value in settings.items()
    }
    return {"PATH": "/usr/bin:/bin", **environment}


@pytest.mark.matrix("F41")
def test_a_second_agent_on_the_same_folder_is_refused(fast):
    command = [sys.executable, "-m", "cloudassist_agent", "run"]
    environment = agent_environment(fast, INSTANCE_ID="web-2")
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode != 0
    assert "another agent is running" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.matrix("F39")
def test_the_same_instance_elsewhere_waits_and_takes_nothing(fast, assistant, tmp_path):
    """It has the same key, but its journal has another id, so the lease is not its own."""
    folder = Path("agents", "web-2")
    (tmp_path / "elsewhere" / folder).mkdir(parents=True)
    key = folder / "instance.key"
    shutil.copy(fast.data_dir / "state" / key, tmp_path / "elsewhere" / key)
    environment = agent_environment(fast, INSTANCE_ID="web-2", STATE_DIR=str(tmp_path / "elsewhere"))
    waits_and_takes_nothing(assistant, tmp_path, RUN, environment)


@needs_mount
@pytest.mark.matrix("F39")
def test_a_copy_of_the_whole_machine_waits_and_takes_nothing(fast, assistant, tmp_path):
    """It has the same key and the same journal; only its boot is another one."""
    fast.kill("agent@web-2", signal.SIGSTOP)
    shutil.copytree(fast.data_dir / "state" / "agents" / "web-2", tmp_path / "elsewhere" / "agents" / "web-2")
    fast.kill("agent@web-2", signal.SIGCONT)
    (tmp_path / "boot_id").write_text("another-boot\n")
    boot = f'mount --bind {tmp_path}/boot_id /proc/sys/kernel/random/boot_id && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", boot, "sh", *RUN]
    environment = agent_environment(fast, INSTANCE_ID="web-2", STATE_DIR=str(tmp_path / "elsewhere"))
    waits_and_takes_nothing(assistant, tmp_path, command, environment)


def waits_and_takes_nothing(assistant, tmp_path, command, environment):
    with (tmp_path / "log").open("w") as log:
        clone = subprocess.Popen(command, env=environment, stderr=log)
    try:
        wait_until(lambda: "another agent is running for web-2" in (tmp_path / "log").read_text(), "the clone to wait")
        done = [assistant.run_command(logging_script(tmp_path), instance_ids=["web-2"]) for _ in range(5)]
        assert {invocation.wait(timeout=20).status for invocation in done} == {InvokeStatus.FINISHED}
        assert len(runs(tmp_path)) == 5
    finally:
        clone.send_signal(signal.SIGTERM)
        assert clone.wait(10) == 0
