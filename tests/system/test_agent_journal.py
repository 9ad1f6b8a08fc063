"""A real agent whose disk, journal or machine is not well."""

import json
import signal
import sqlite3
import subprocess

import pytest
import redis

from cloudassist import LocalStack, topology
from cloudassist.store import keys
from support.disks import fill, needs_mount, small_disk
from support.processes import marked
from support.stacks import FAST, by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = pytest.mark.system


def only(invocation, seconds=20):
    return by_instance(invocation.wait(timeout=seconds))["web-1"]


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", "size=2m") as disk:
        yield disk


@pytest.mark.matrix("F35")
@needs_mount
def test_a_full_disk_fails_records_and_never_the_agent(disk, tmp_path):
    """What was refused never runs, also when there is room again."""
    with LocalStack(instances=1, environment=FAST | {"CLOUDASSIST_STATE_DIR": str(disk)}) as stack:
        pid = stack.processes["agent@web-1"].pid
        with stack.assistant() as assistant:
            assert only(assistant.run_command("true", instance_ids=["web-1"])).status == "Finished"
            filler = fill(disk)
            refused = []
            for _ in range(40):
                invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
                if only(invocation).status == "Failed":
                    refused.append(invocation)
                if len(refused) == 2:
                    break
            result = only(refused[0])
            assert (result.error_code, result.detail_status, result.start_time) == ("ExecutionException", "Error", None)
            assert str(disk) in result.error_info
            assert "full" in result.error_info
            stopped = assistant.run_command("sleep 60", instance_ids=["web-1"])
            stopped.stop()
            assert only(stopped).status in {"Stopped", "Failed"}
            filler.unlink()
            assert only(assistant.run_command("true", instance_ids=["web-1"])).status == "Finished"
            with redis.Redis.from_url(stack.url, decode_responses=True) as server:
                for invocation in refused:
                    record_id = f"{invocation.invoke_id}.web-1"
                    assert server.get(topology.claim_key("web-1", record_id)) == topology.REFUSED_CLAIM
                    assert record_id not in runs(tmp_path)
        assert stack.processes["agent@web-1"].poll() is None
        assert stack.processes["agent@web-1"].pid == pid
        # One that is started on a full disk waits for room.
        stack.kill("agent@web-1")
        filler = fill(disk)
        stack.start("agent@web-1")
        filler.unlink()
        stack.wait_ready()


@pytest.mark.matrix("F36")
@needs_mount
def test_the_end_of_a_script_is_told_although_the_disk_filled_up_meanwhile(disk):
    with LocalStack(instances=1, environment=FAST | {"CLOUDASSIST_STATE_DIR": str(disk)}) as stack:
        with stack.assistant() as assistant:
            invocation = assistant.run_command("sleep 1; seq 5000; exit 3", instance_ids=["web-1"])
            wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
            fill(disk)
            result = only(invocation)
            assert (result.status, result.exit_code) == ("Finished", 3)
            assert result.output.endswith("5000\n")
        (disk / "filler").unlink()


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """Where the scripts' folders are."""
    return tmp_path_factory.mktemp("scripts")


@pytest.fixture(scope="module")
def fast(scripts):
    with LocalStack(instances=1, environment=FAST | {"CLOUDASSIST_EXECUTION_PATH": str(scripts)}) as stack:
        yield stack


@pytest.fixture
def assistant(fast):
    with fast.assistant() as assistant:
        yield assistant


def killed_while_running(fast, assistant, tmp_path):
    """Begin a script and kill its agent; returns the run and the path of the journal."""
    invocation = assistant.run_command(logging_script(tmp_path, then="sleep 60"), instance_ids=["web-1"], timeout=60)
    wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
    fast.kill("agent@web-1")
    return invocation, fast.data_dir / "state" / "agents" / "web-1" / "journal.db"


@pytest.mark.matrix("F37")
def test_records_of_unknown_fate_are_reported_and_not_run(fast, assistant, tmp_path):
    """The journal is damaged while the agent is away."""
    invocation, journal = killed_while_running(fast, assistant, tmp_path)
    for part in (journal, journal.with_name("journal.db-wal")):
        part.write_bytes(b"damaged" * 1_000)
    fast.start("agent@web-1")
    result = only(invocation, seconds=30)
    assert (result.status, result.error_code) == ("Failed", "ExecutionInterrupted")
    assert "journal" in result.error_info
    assert runs(tmp_path) == [result.record_id]
    assert "cannot be read" in (fast.data_dir / "logs" / "agent@web-1.log").read_text()
    assert only(assistant.run_command("true", instance_ids=["web-1"])).status == "Finished"
    for pid in marked(result.record_id):
        subprocess.run(["kill", "-KILL", str(pid)], check=True)


@pytest.mark.matrix("F33", "F85")
def test_a_machine_that_was_restarted(fast, assistant, scripts, tmp_path):
    """The journal names another boot. The folder of the script may have outlived that."""
    before = set(scripts.iterdir())
    invocation, journal = killed_while_running(fast, assistant, tmp_path)
    assert set(scripts.iterdir()) > before
    with sqlite3.connect(journal) as connection:
        connection.execute("UPDATE record SET boot = 'an-earlier-one' WHERE report IS NULL")
    connection.close()
    fast.start("agent@web-1")
    result = only(invocation)
    assert (result.status, result.error_code) == ("Failed", "InstanceRestarted")
    assert set(scripts.iterdir()) == before
    assert runs(tmp_path) == [result.record_id]
    # The processes of an earlier boot cannot be there; these are, since the boot was not a real one.
    for pid in marked(result.record_id):
        subprocess.run(["kill", "-KILL", str(pid)], check=True)


@pytest.mark.matrix("F33")
def test_claimed_by_this_journal_before_the_machine_was_restarted(fast, assistant, tmp_path):
    with redis.Redis.from_url(fast.url, decode_responses=True) as server:
        fast.kill("agent@web-1", signal.SIGSTOP)
        journal_id = json.loads((fast.data_dir / "state" / "agents" / "web-1" / "journal.ids").read_text())[0]
        invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
        record_id = f"{invocation.invoke_id}.web-1"
        server.set(topology.claim_key("web-1", record_id), f"{journal_id}/an-earlier-boot", px=600_000)
        fast.kill("agent@web-1", signal.SIGCONT)
        result = only(invocation)
        assert (result.error_code, result.start_time) == ("InstanceRestarted", None)
        assert runs(tmp_path) == []


@pytest.mark.matrix("I6")
def test_an_instance_that_comes_back_days_later_starts_nothing(tmp_path):
    environment = FAST | {"CLOUDASSIST_START_WINDOW_SECONDS": "2"}
    with LocalStack(instances=1, environment=environment) as stack, stack.assistant() as assistant:
        with redis.Redis.from_url(stack.url, decode_responses=True) as server:
            stack.kill("agent@web-1")
            invocation = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
            record_id = f"{invocation.invoke_id}.web-1"
            queued = server.lrange("instance.web-1", 0, -1)
            assert queued
            invocation.stop()
            result = only(invocation)
            assert (result.status, result.detail_status) == ("Stopped", "Cancelled")
            start_by = int(server.hget(keys.invocation(invocation.invoke_id), "start_by"))
            wait_until(lambda: server.time()[0] * 1_000 > start_by, "the time by which it had to start")
            # Days later the claim has gone; a copy of the order may still lie in the queue.
            server.delete(topology.claim_key("web-1", record_id))
            server.lpush("instance.web-1", *queued)
        stack.start("agent@web-1")
        stack.wait_ready()
        assert only(assistant.run_command("true", instance_ids=["web-1"])).status == "Finished"
        assert runs(tmp_path) == []
        later = only(invocation)
        assert (later.status, later.detail_status, later.start_time) == ("Stopped", "Cancelled", None)
