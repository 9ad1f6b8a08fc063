"""Counts that do not depend on the clock: what an execution costs in commands, bytes and waits for the disk."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
import redis

from cloudassist import LocalStack, topology
from support.monitor import monitored
from support.servers import cut
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = pytest.mark.system

QUIET = {"CLOUDASSIST_REMOTE_CONTROL": "no", "CLOUDASSIST_EVENTS": "no", "CLOUDASSIST_PRESENCE_INTERVAL_SECONDS": "15"}
RUNS = 10


@pytest.fixture(scope="module")
def quiet():
    with LocalStack(instances=1, environment=QUIET) as stack, stack.assistant() as assistant:
        assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
        yield stack


@pytest.fixture
def assistant(quiet):
    with quiet.assistant() as assistant:
        assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
        yield assistant


def is_function(command, name):
    return command[0] == "FCALL" and command[1].startswith(name + "_")


def test_commands_per_run(quiet, assistant):
    with monitored(quiet.url) as seen:
        for _ in range(RUNS):
            assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    # The control plane's workers show a sign of life every other second, however many runs that is.
    seen = [command for command in seen if command[0] != "PUBLISH" or not command[1].endswith("/worker.heartbeat")]
    functions = Counter(command[1].rpartition("_")[0] for command in seen if command[0] == "FCALL")
    for name in ("read_enrolments", "begin_invocation", "plan_records", "apply_reports"):
        assert functions[name] == RUNS, name
    # At most one take per report: the first comes with the wait itself.
    assert functions["take_reports"] <= 2 * RUNS
    commands = Counter(command[0] for command in seen)
    assert sum(1 for command in seen if command[:2] == ("LPUSH", "instance.web-1")) == RUNS
    assert sum(1 for command in seen if command[:2] == ("LPUSH", "reports")) == RUNS
    assert sum(1 for command in seen if command[0] == "SET" and command[1].startswith("claim:web-1:")) == RUNS
    assert commands["PUBLISH"] == RUNS
    assert commands["SUBSCRIBE"] == RUNS
    # Producer 4, agent 5 (pop, time, claim, payload, report), aggregator 4 (wait, apply, tell, take), waiter at most 6.
    assert len(seen) <= RUNS * 19 + 10


def test_a_short_script_sends_one_report_and_a_longer_one_two(quiet, assistant):
    for script, reports in (("true", 1), ("sleep 0.6", 2)):
        with monitored(quiet.url) as seen:
            assistant.run_command(script, instance_ids=["web-1"]).wait(timeout=20)
        assert sum(1 for command in seen if command[:2] == ("LPUSH", topology.REPORTS_QUEUE)) == reports


def test_the_size_of_an_order_does_not_depend_on_the_script(quiet, assistant):
    with redis.Redis.from_url(quiet.url) as server:
        quiet.kill("agent@web-1", signal.SIGSTOP)
        cut(server)
        try:
            sizes = []
            for script in ("true", "#" * 12_000):
                invocation = assistant.run_command(script, instance_ids=["web-1"])
                sizes.append(len(server.lindex("instance.web-1", 0)))
                record = f"record:{invocation.invoke_id}.web-1"
                assert server.memory_usage(record) <= 1024
        finally:
            quiet.kill("agent@web-1", signal.SIGCONT)
        invocation.wait(timeout=20)
    assert sizes[0] == sizes[1] <= 1_100


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_one_wait_for_the_disk_per_record(quiet, assistant, tmp_path):
    runs = 40
    report = tmp_path / "strace"
    pid = quiet.processes["agent@web-1"].pid
    tracer = subprocess.Popen(
        ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(report), "-p", str(pid)],
        stderr=subprocess.DEVNULL,
    )
    status = Path(f"/proc/{pid}/status")
    wait_until(lambda: "TracerPid:\t0\n" not in status.read_text(), "the tracer to attach")
    for _ in range(runs):
        assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(20)
    calls = sum(int(line.split()[3]) for line in report.read_text().splitlines() if "sync" in line)
    # A checkpoint of the journal, every thousand pages, adds a few.
    assert runs <= calls <= runs + 6


def test_three_commits_to_the_journal_per_record(quiet, assistant):
    """About to start, how it ended, and that this was sent; several records at a time share them."""
    journal = quiet.data_dir / "state" / "agents" / "web-1" / "journal.db"
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA wal_checkpoint(RESTART)")  # its log begins anew
    for _ in range(RUNS):
        assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    assert RUNS <= commits(journal) <= 3 * RUNS + 1


def commits(journal):
    """Count the transactions in the journal's log: of each, the last page names the size of the file."""
    log = journal.with_name(journal.name + "-wal").read_bytes()
    page = int.from_bytes(log[8:12])
    salts = log[16:24]
    frames = [log[start : start + 24] for start in range(32, len(log), 24 + page)]
    # What is left of an earlier round of the log has other salts.
    return sum(1 for frame in frames if frame[8:16] == salts and int.from_bytes(frame[4:8]))


def test_an_idle_agent_asks_little(quiet):
    """Four commands with each sign of life, a pop of each of its two queues in ten seconds.

    It has a connection for each queue, one to ask, and one to report.
    With remote control and events off (design, part 5). In twenty seconds there are one or two signs of life.
    """
    others = [name for name in quiet.processes if name.startswith(("control", "dispatch", "beat"))]
    for name in others:
        quiet.kill(name)
    with monitored(quiet.url) as seen:
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 20, "twenty seconds to pass", seconds=30)
        asked = [command for command in seen if command[0] not in {"ECHO", "CLIENT", "HELLO"}]
        agent = psutil.Process(quiet.processes["agent@web-1"].pid)
        connections = [found for found in agent.net_connections() if found.status == psutil.CONN_ESTABLISHED]
    for name in others:
        quiet.start(name)
    pops = [command for command in asked if command[0] == "BRPOP"]
    signs = [command for command in asked if command[0] == "SET"]
    assert len(pops) <= 5, asked
    assert len(signs) <= 2, asked
    assert len(asked) - len(pops) <= 8, asked
    assert len(connections) <= 4


def test_every_result_is_there_after_all_that(quiet, assistant):
    quiet.wait_ready()
    invocation = assistant.run_command("echo fine", instance_ids=["web-1"]).wait(timeout=20)
    assert by_instance(invocation)["web-1"].output == "fine\n"
