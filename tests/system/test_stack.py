"""LocalStack itself, the demonstration, and an idle fleet."""

import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest
import redis

from cloudassist import InvokeStatus, LocalStack, topology
from cloudassist.child import StackError
from cloudassist.hosting import INSTANCES_PER_HOST, SCRIPTS_PER_HOST
from cloudassist_agent.settings import QUEUES_PER_CHANNEL
from support.processes import alive
from support.servers import answers
from support.stacks import FAST
from support.waiting import wait_until

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]


def test_processes_have_names_and_end_with_the_stack(tmp_path):
    with LocalStack(instances=["db-1"], control=2, beats=2, data_dir=tmp_path / "run") as stack:
        assert list(stack.processes) == [
            "server",
            "control-1",
            "control-2",
            "dispatch-1",
            "beat-1",
            "beat-2",
            "agent@db-1",
        ]
        pids = [process.pid for process in stack.processes.values()]
        assert all(map(alive, pids))
        assert {path.stem for path in (tmp_path / "run" / "logs").iterdir()} == set(stack.processes)
    assert not any(map(alive, pids))


def test_a_killed_process_can_be_started_again():
    with LocalStack(instances=1, environment=FAST) as stack:
        before = stack.processes["agent@web-1"].pid
        stack.kill("agent@web-1", signal.SIGKILL)
        stack.start("agent@web-1")
        stack.wait_ready()
        assert stack.processes["agent@web-1"].pid != before
        with pytest.raises(StackError):
            stack.start("agent@web-1")


def test_who_was_admitted_while_the_server_ran_is_known_after_its_restart():
    with LocalStack(instances=[]) as stack:
        url = stack.admit("late")["CLOUDASSIST_URL"]
        stack.kill("server")
        stack.start("server")
        with redis.Redis.from_url(url) as client:
            wait_until(lambda: answers(client), "the server to know the instance")


def test_what_a_killed_agent_leaves_behind_ends_with_the_stack(tmp_path):
    environment = FAST | {"CLOUDASSIST_EXECUTION_PATH": str(tmp_path)}
    with LocalStack(instances=1, environment=environment) as stack, stack.assistant() as assistant:
        invocation = assistant.run_command("sleep 300", instance_ids=["web-1"])
        wait_until(lambda: next(invocation.results()).start_time, "the script to start")
        agent = psutil.Process(stack.processes["agent@web-1"].pid)
        children = [child.pid for child in agent.children(recursive=True)]
        assert children
        stack.kill("agent@web-1")
        assert all(map(alive, children))
    assert not any(map(alive, children))


def test_two_stacks_cannot_share_a_folder(tmp_path):
    with LocalStack(instances=1, data_dir=tmp_path), pytest.raises(StackError) as caught, LocalStack(data_dir=tmp_path):
        pass
    assert str(tmp_path) in caught.value.message


def test_a_process_that_does_not_come_up_shows_the_end_of_its_log():
    with (
        pytest.raises(StackError) as caught,
        LocalStack(instances=1, environment={"CLOUDASSIST_SLOTS": "", "CLOUDASSIST_OUTPUT_BYTES": "7"}),
    ):
        pass
    assert "CLOUDASSIST_OUTPUT_BYTES must be from" in caught.value.message


def test_what_was_done_is_there_at_the_next_start(tmp_path):
    with LocalStack(instances=1, data_dir=tmp_path) as stack, stack.assistant() as assistant:
        invoke_id = assistant.run_command("echo kept", instance_ids=["web-1"]).wait(timeout=20).invoke_id
    with LocalStack(instances=1, data_dir=tmp_path) as stack, stack.assistant() as assistant:
        assert next(assistant.invocation(invoke_id).results()).output == "kept\n"
        assert assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20).status is InvokeStatus.FINISHED


@pytest.mark.timeout(120)
def test_a_thousand_simulated_instances_run_a_real_script(tmp_path):
    names = [f"sim-{number:03}" for number in range(1_000)]
    settings = {"CLOUDASSIST_INSTANCES_PER_CALL": "1000"}
    with LocalStack(instances=names, simulated=True, environment=settings) as stack, stack.assistant() as assistant:
        agents = [name for name in stack.processes if name.startswith("agent@")]
        assert agents == ["agent@sim-000", f"agent@sim-{INSTANCES_PER_HOST}"]
        _keep_to_a_processor_each([stack.processes[name].pid for name in agents])
        script = f"echo {{{{ACS::InstanceId}}}} >> {tmp_path}/runs"
        invocation = assistant.run_command(script, instance_ids=names, parameters={})
        assert invocation.wait(timeout=60).status is InvokeStatus.FINISHED
        assert sorted(result.instance_id for result in invocation.results()) == names
        assert sorted((tmp_path / "runs").read_text().split()) == names
        _leaves_in_their_queues_what_it_has_no_slot_for(stack, assistant, tmp_path, names[:INSTANCES_PER_HOST])
        stopped = assistant.run_command("sleep 60", instance_ids=names[-100:])
        stopped.stop()
        assert stopped.wait(timeout=60).status is InvokeStatus.STOPPED


def _keep_to_a_processor_each(pids):
    """See that every thread of each process keeps to one processor, and not all processes to the same one."""
    used = [set().union(*(os.sched_getaffinity(each.id) for each in psutil.Process(pid).threads())) for pid in pids]
    assert [len(processors) for processors in used] == [1] * len(pids)
    assert len(set.union(*used)) == min(len(pids), len(os.sched_getaffinity(0)))


def _leaves_in_their_queues_what_it_has_no_slot_for(stack, assistant, folder, names):
    """See a process that stands for these instances take no more orders than it runs at a time, nearly."""
    script = f"touch {folder}/{{{{ACS::InstanceId}}}}; while [ ! -e {folder}/go ]; do sleep 0.05; done"
    invocation = assistant.run_command(script, instance_ids=names, parameters={})
    wait_until(lambda: len(list(folder.glob("sim-*"))) == SCRIPTS_PER_HOST, "every slot to be taken")
    with redis.Redis.from_url(stack.url) as client:
        waiting = sum(client.llen(topology.instance_queue(name)) for name in names)
    # Each channel may have taken one more, which it had asked for before the last slot was.
    channels, free = len(names) // QUEUES_PER_CHANNEL, len(names) - SCRIPTS_PER_HOST
    assert free - channels <= waiting <= free
    (folder / "go").touch()
    assert invocation.wait(timeout=60).status is InvokeStatus.FINISHED


def test_an_idle_fleet_starts_nothing_however_often_it_is_restarted(tmp_path):
    """overview.md: Cloud Assistant does not proactively initiate operations."""
    environment = FAST | {"CLOUDASSIST_EXECUTION_PATH": str(tmp_path / "scripts"), "CLOUDASSIST_KEEP_SCRIPT_FILE": "1"}
    (tmp_path / "scripts").mkdir()
    with LocalStack(instances=2, data_dir=tmp_path / "run", environment=environment) as stack:
        for number in (signal.SIGKILL, signal.SIGTERM):
            for name in [name for name in stack.processes if name != "server"]:
                stack.kill(name, number)
                stack.processes[name].wait(20)
                stack.start(name)
            stack.wait_ready()
        with redis.Redis.from_url(stack.url, decode_responses=True) as server:
            assert not server.keys("record:*") + server.keys("invocation:*") + server.keys("claim:*")
        for name in ("web-1", "web-2"):
            agent = psutil.Process(stack.processes[f"agent@{name}"].pid)
            assert agent.children(recursive=True) == []
    assert list((tmp_path / "scripts").iterdir()) == []
    for journal in (tmp_path / "run" / "state" / "agents").glob("*/journal.db"):
        with sqlite3.connect(journal) as connection:
            assert connection.execute("SELECT count(*) FROM record").fetchone() == (0,)
        connection.close()


def test_finished_runs_go_away_by_themselves():
    environment = FAST | {"CLOUDASSIST_RETENTION_INVOCATIONS": "2"}
    with LocalStack(instances=1, environment=environment) as stack, stack.assistant() as assistant:
        runs = [assistant.run_command("echo", instance_ids=["web-1"]).wait(timeout=20) for _ in range(5)]

        def kept():
            return [row.invoke_id for row in assistant.describe_invocations()]

        wait_until(lambda: kept() == [run.invoke_id for run in runs[:2:-1]], "the three oldest to go", seconds=25)
        with redis.Redis.from_url(stack.url, decode_responses=True) as server:
            for run in runs[:3]:
                assert server.keys(f"record:{run.invoke_id}*") + server.keys(f"output:{run.invoke_id}*") == []


def demo(folder):
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "cloudassist.demo"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def left_behind(folder):
    return [
        process.info["pid"]
        for process in psutil.process_iter(["pid", "environ"])
        if str(folder) in str(process.info["environ"])
    ]


def test_the_demonstration_shows_real_results_and_leaves_nothing(tmp_path):
    process = demo(tmp_path)
    shown, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors
    rows = [line for line in shown.splitlines() if line.startswith("web-")]
    assert [row.split()[:3] for row in rows] == [[f"web-{number}", "Finished", "0"] for number in (1, 2, 3)]
    assert all(f"hello from web-{number}\\nlinux" in row for number, row in enumerate(rows, 1))
    assert "ünïcode ✓" in shown
    assert left_behind(tmp_path) == []
    assert (tmp_path / ".run" / "logs" / "server.log").exists()


def test_up_stays_until_it_is_told_to_end(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "cloudassist.up"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    shown = []
    for line in process.stdout:
        shown.append(line.strip())
        if "Ctrl-C" in line:
            break
    flower = next(line.split()[1] for line in shown if line.startswith("Flower"))
    with urllib.request.urlopen(f"{flower}/workers", timeout=10) as answer:
        assert answer.status == 200
    typed = [line for line in shown if line.startswith((". ", "cloudassist "))]
    done = subprocess.run(["sh", "-ec", "\n".join(typed)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("hello from") == 3
    assert "bad" not in done.stdout
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) == 0
    process.stdout.close()
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("said", "number"),
    [("starting", signal.SIGINT), ("processes are up", signal.SIGTERM), ("Running (", signal.SIGINT)],
)
def test_the_demonstration_can_be_interrupted_at_any_moment(tmp_path, number, said):
    process = demo(tmp_path)
    for line in process.stdout:
        if said in line:
            break
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in {130, 143}, errors
    assert "Traceback" not in errors
    assert left_behind(tmp_path) == []
