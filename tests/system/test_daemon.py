"""AssistDaemon: starts the agent, watches over it, restarts it, and reports how it is."""

import os
import signal
import sys
import time

import psutil
import pytest

from cloudassist import InvokeStatus
from support.agents import agent, run_soon
from support.hanging import held_thread
from support.processes import alive, marked
from support.proxy import proxy
from support.stacks import by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

WATCH = (sys.executable, "-m", "cloudassist_agent", "watch")
QUICK = {"WATCH_SECONDS": "0.3", "HANG_SECONDS": "5"}
SOON = 20.0


@pytest.fixture
def assistant(near):
    with near.assistant() as assistant:
        yield assistant


@pytest.fixture
def daemon(near, tmp_path):
    """Run an agent under its daemon."""

    def daemon(name, **settings):
        return agent(near, name, tmp_path, command=WATCH, **(QUICK | settings))

    return daemon


@pytest.fixture
def status(assistant):
    def status(name):
        (row,) = assistant.describe_cloud_assistant_status([name])
        return row

    return status


def client(watch):
    """Return the agent's process under a daemon."""
    (child,) = psutil.Process(watch.process.pid).children()
    return child


def started(invocation, name):
    wait_until(lambda: by_instance(invocation)[name].start_time, "the script to start")


@pytest.mark.matrix("F30")
def test_an_agent_that_dies_is_restarted_and_runs_nothing_twice(assistant, daemon, status, tmp_path):
    with daemon("killed") as watch:
        wait_until(lambda: status("killed").client_state == "Running", "the first report")
        assert (status("killed").daemon_status, status("killed").client_restarts) == ("Running", 0)
        invocation = assistant.run_command(logging_script(tmp_path, then="sleep 60"), instance_ids=["killed"])
        started(invocation, "killed")
        client(watch).kill()
        wait_until(lambda: status("killed").client_state == "Dead", "the report of its death")
        assert status("killed").client_reason == "it was ended by signal SIGKILL"
        assert invocation.wait(SOON).status is InvokeStatus.FAILED
        result = by_instance(invocation)["killed"]
        assert result.error_code == "ExecutionInterrupted"
        assert marked(result.record_id) == set()
        run_soon(assistant, "killed", SOON)
        wait_until(lambda: status("killed").client_state == "Running", "the report of its return")
        assert status("killed").client_restarts == 1
        assert runs(tmp_path) == [result.record_id]
        assert 0 < status("killed").client_rss_bytes < 150 * 2**20
    wait_until(lambda: status("killed").daemon_status == "Stopped", "the last report")
    assert status("killed").client_state == "Stopped"


@pytest.mark.matrix("F45")
@pytest.mark.skipif(os.geteuid() != 0, reason="holding a thread of another process needs root")
def test_an_agent_of_which_one_thread_hangs_is_replaced_and_says_where(assistant, daemon, status):
    """The main loop stands still, the others go on, and the server sees an instance that is well."""
    with daemon("stuck") as watch:
        hung = client(watch)
        with held_thread(hung.pid):
            watch.wait_for("gave no sign of life in time: main")
            assert status("stuck").cloud_assistant_status
            wait_until(lambda: not hung.is_running(), "the end of the agent that hung")
        run_soon(assistant, "stuck", SOON)
        wait_until(lambda: status("stuck").client_state == "Running", "the report of its return")
        assert status("stuck").client_reason == "1 of its threads gave no sign of life in time: main"
        assert "Fatal Python error: Aborted" in watch.log
        assert "asynloop" in watch.log


def test_an_agent_that_is_stopped_altogether_is_replaced(assistant, daemon, status):
    with daemon("suspended") as watch:
        hung = client(watch)
        hung.suspend()
        wait_until(lambda: not hung.is_running(), "the end of the agent that hung", SOON)
        run_soon(assistant, "suspended", SOON)
        assert "gave no sign of life in time" in status("suspended").client_reason


@pytest.mark.matrix("F21")
def test_an_outage_restarts_nothing_and_ends_no_script(near, assistant, daemon, tmp_path):
    """It lasts longer than a thread may be silent."""
    until = f"until [ -e {tmp_path}/go ]; do sleep 0.1; done"
    with proxy(near.port) as network, daemon("offline", url=network.url) as watch:
        before = client(watch).pid
        invocation = assistant.run_command(logging_script(tmp_path, then=until), instance_ids=["offline"])
        started(invocation, "offline")
        network.refuse()
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() > begun + 2 * float(QUICK["HANG_SECONDS"]), "the outage to last", SOON)
        network.accept()
        (tmp_path / "go").touch()
        assert invocation.wait(SOON).status is InvokeStatus.FINISHED
        assert client(watch).pid == before
        assert "the agent is replaced" not in watch.log


def test_an_idle_agent_that_uses_too_much_is_replaced_but_not_while_a_script_runs(assistant, daemon, tmp_path):
    until = f"until [ -e {tmp_path}/go ]; do sleep 0.1; done"
    budget = {"WATCH_RSS_BYTES": str(2**20), "WATCH_SETTLE_SECONDS": "3", "WATCH_STRIKES": "3"}
    with daemon("greedy", **budget) as watch:
        first = client(watch)
        invocation = assistant.run_command(logging_script(tmp_path, then=until), instance_ids=["greedy"])
        started(invocation, "greedy")
        wait_until(lambda: time.time() - first.create_time() > 5, "a time at which it would be judged", SOON)
        assert first.is_running()
        (tmp_path / "go").touch()
        assert invocation.wait(SOON).status is InvokeStatus.FINISHED
        watch.wait_for("the agent is replaced: while idle it used")
        assert "MiB of memory (the limit is 1 MiB), 3 times in a row" in watch.log
        assert len(runs(tmp_path)) == 1


def test_the_agent_outlives_its_daemon_and_is_found_again(near, assistant, daemon, tmp_path):
    with daemon("orphan") as watch:
        before = client(watch)
        watch.process.kill()
        watch.process.wait(10)
        run_soon(assistant, "orphan", SOON)
        state = {"STATE_DIR": str(tmp_path / "orphan")}
        with agent(near, "orphan", tmp_path / "again", command=WATCH, wait=False, **(QUICK | state)) as again:
            again.wait_for(f"watching over process {before.pid}")
            run_soon(assistant, "orphan", SOON)
            assert before.is_running()
            assert psutil.Process(again.process.pid).children() == []
            assert again.term() < SOON
        assert not alive(before.pid)


def test_there_is_one_daemon_to_an_agent(near, daemon, tmp_path):
    with daemon("single"), agent(near, "single", tmp_path, command=WATCH, wait=False) as second:
        assert second.process.wait(10) == 2
        assert "another daemon is running with the state folder" in second.log
        assert "Traceback" not in second.log


def test_an_agent_that_cannot_start_is_tried_again_ever_more_slowly(near, status, tmp_path):
    with agent(near, "broken", tmp_path):
        pass
    (tmp_path / "sitecustomize.py").write_text("import os, sys\nif 'run' in sys.orig_argv:\n    os._exit(7)\n")
    environment = {"PYTHONPATH": str(tmp_path)}
    with agent(near, "broken", tmp_path, command=WATCH, wait=False, environment=environment, **QUICK) as watch:
        for seconds in (1, 2, 4):
            watch.wait_for(f"the agent is gone: it ended with exit code 7; it is started again in {seconds} s")
        wait_until(lambda: status("broken").client_restarts == 3, "the report")
        assert (status("broken").client_state, status("broken").daemon_status) == ("Dead", "Running")
        assert status("broken").client_reason == "it ended with exit code 7"
        assert watch.term() < SOON


def test_a_signal_is_the_agents_and_so_is_a_second_one(assistant, daemon, tmp_path):
    with daemon("asked") as watch:
        invocation = assistant.run_command("sleep 60", instance_ids=["asked"])
        started(invocation, "asked")
        watch.process.send_signal(signal.SIGTERM)
        watch.wait_for("SIGTERM: draining, 1 scripts are running")
        assert invocation.refresh().status is InvokeStatus.RUNNING
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(SOON) == 0
        assert invocation.wait(SOON).status is InvokeStatus.FAILED
        assert by_instance(invocation)["asked"].error_code == "ExecutionInterrupted"


def test_with_systemd_the_unit_is_started_and_left_alone(near, assistant, status, tmp_path):
    """systemctl is a script here that starts what the unit would, unless it runs already."""
    folder = tmp_path / "bin"
    folder.mkdir()
    systemctl = folder / "systemctl"
    start = f"{sys.executable} -m cloudassist_agent run"
    lines = [
        "#!/bin/sh",
        f'echo "$@" >> {tmp_path}/asked',
        f"[ -e {tmp_path}/pid ] && kill -0 $(cat {tmp_path}/pid) && exit",
        f"{start} >> {tmp_path}/log 2>&1 &",
        f"echo $! > {tmp_path}/pid",
    ]
    systemctl.write_text("\n".join(lines) + "\n")
    systemctl.chmod(0o755)
    command = [*WATCH, "--unit", "cloudassist.service"]
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    try:
        with agent(near, "unit", tmp_path, command=command, wait=False, environment=path, **QUICK) as watch:
            run_soon(assistant, "unit", SOON)
            asked = (tmp_path / "asked").read_text()
            assert asked == "start --no-block cloudassist.service\n"
            wait_until(lambda: status("unit").daemon_status == "Running", "the report")
            assert (tmp_path / "asked").read_text() == asked
            assert watch.term() < SOON
        run_soon(assistant, "unit", SOON)
        assert status("unit").cloud_assistant_status
    finally:
        (left,) = [process for process in psutil.process_iter() if is_agent_of(process, tmp_path)]
        left.terminate()
        left.wait(SOON)


def is_agent_of(process, folder):
    try:
        return str(folder) in process.environ().get("CLOUDASSIST_STATE_DIR", "") and "run" in process.cmdline()
    except psutil.Error:
        return False
