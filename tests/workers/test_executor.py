"""Scripts as real processes, without any server."""

import contextlib
import dataclasses
import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloudassist import limits
from cloudassist.error_code import ErrorCode
from cloudassist.orders import Payload
from cloudassist.status import InvocationStatus
from cloudassist_agent.executor import execute
from cloudassist_agent.scripts import script_file
from cloudassist_agent.scripts.following import Follower
from cloudassist_agent.scripts.running import Running
from cloudassist_agent.settings import AgentSettings
from support.processes import alive, marked
from support.waiting import wait_until

RECORD = f"t-{os.getpid()}.web-1"


@pytest.fixture
def settings(tmp_path):
    return AgentSettings(
        instance_id=("web-1",), state_dir=tmp_path, execution_path=tmp_path, kill_grace_seconds=0.5, output_bytes=2048
    )


@pytest.fixture
def run():
    running = Running(1, lambda: None)
    run = running.add(RECORD, "web-1")
    yield run
    running.remove(run)


def payload(content, **changes):
    base = Payload("t-1", "c-1", "RunShellScript", content, timeout=20, region="local")
    return dataclasses.replace(base, **changes)


def carry_out(content, run, settings, **changes):
    return execute(payload(content, **changes), run, settings, Follower(nothing, nothing), folder_in(settings))


def folder_in(settings):
    return settings.execution_path / "cloudassist-run"


def nothing(*_):
    """Follow without saying anything."""


def test_output_and_exit_code_arrive(run, settings):
    outcome = carry_out("echo out; echo err >&2; exit 3", run, settings)
    assert outcome.status is InvocationStatus.FINISHED
    assert (outcome.exit_code, outcome.output, outcome.dropped) == (3, b"out\nerr\n", 0)
    assert outcome.seconds < 5


def test_a_script_that_nests_folders_beside_its_file_has_run_and_leaves_nothing(run, settings, tmp_path):
    nest = """cd "$(dirname "$0")"; mkdir -p "$(printf 'd/%.0s' $(seq 1500))"; echo done"""
    outcome = carry_out(nest, run, settings)
    assert (outcome.status, outcome.output) == (InvocationStatus.FINISHED, b"done\n")
    assert list(tmp_path.iterdir()) == []


def test_parameters_and_built_ins_are_filled_in_once(run, settings):
    outcome = carry_out(
        "printf '%s|' '{{a}}' '{{b}}' '{{ACS::InstanceId}}' '{{ACS::InvokeId}}' '{{ACS::RegionId}}'",
        run,
        settings,
        parameters={"a": "{{b}}", "b": "line 1\nline 2"},
    )
    assert outcome.output == b"{{b}}|line 1\nline 2|web-1|t-1|local|"


def test_text_without_parameters_is_taken_as_it_stands(run, settings):
    assert carry_out("echo '{{a}}'", run, settings).output == b"{{a}}\n"


def test_a_script_with_its_parameters_has_a_limit(run, settings):
    outcome = carry_out("{{a}}{{a}}{{a}}{{a}}{{a}}", run, settings, parameters={"a": "x" * 15_000})
    assert (outcome.status, outcome.error_code) == (InvocationStatus.FAILED, ErrorCode.EXECUTION_EXCEPTION)
    assert "75000" in outcome.error_info
    assert "65536" in outcome.error_info


@pytest.mark.matrix("F80", "I9")
def test_a_script_gets_a_clean_environment_and_no_input(run, settings, monkeypatch):
    monkeypatch.setenv("CLOUDASSIST_URL", "redis://:secret@host")
    monkeypatch.setenv("CLOUDASSIST_TRUST", "keys")
    monkeypatch.setenv("LANG", "C.UTF-8")
    outcome = carry_out("env; cat; ls /proc/self/fd | wc -l", run, settings)
    names = {line.partition("=")[0] for line in outcome.output.decode().splitlines()}
    assert not {name for name in names if name.startswith("CLOUDASSIST")} - {"CLOUDASSIST_RECORD_ID"}
    assert {"PATH", "HOME", "USER", "LOGNAME", "LANG"} <= names
    assert outcome.output.decode().split()[-1] == "4"


@pytest.mark.matrix("F66")
def test_the_folder_is_the_home_or_the_one_asked_for(run, settings, tmp_path):
    assert carry_out("pwd", run, settings).output.decode().strip() == str(Path.home())
    assert carry_out("pwd", run, settings, working_dir=str(tmp_path)).output.decode().strip() == str(tmp_path)
    for folder in (tmp_path / "none", settings.agent_dir / "journal.db"):
        outcome = carry_out("pwd", run, settings, working_dir=str(folder))
        assert outcome.error_code == ErrorCode.DIRECTORY_NOT_EXISTS
        assert str(folder) in outcome.error_info
        assert outcome.seconds is None


@pytest.mark.matrix("F34", "F78")
@pytest.mark.parametrize(("signal_name", "code"), [("TERM", 143), ("KILL", 137), ("SEGV", 139)])
def test_a_signal_is_told_by_the_exit_code(run, settings, signal_name, code):
    assert carry_out(f"kill -{signal_name} $$", run, settings).exit_code == code


def test_a_script_that_runs_too_long_is_ended_with_its_children(run, settings):
    outcome = carry_out("echo before; sleep 100 & sleep 100", run, settings, timeout=1)
    assert (outcome.status, outcome.error_code) == (InvocationStatus.FAILED, ErrorCode.EXECUTION_TIMEOUT)
    # Some shells add a word of their own when their child is ended before they are.
    assert outcome.output.startswith(b"before\n")
    assert (outcome.exit_code, outcome.seconds) == (None, 1)
    assert (outcome.toll.ended, outcome.toll.killed) == (3, 0)
    assert outcome.error_info == "the script ran longer than 1 s; 3 processes were ended"
    assert marked(RECORD) == set()


def test_what_ignores_the_polite_signal_is_killed(run, settings):
    begun = time.monotonic()
    outcome = carry_out(
        "trap '' TERM; (trap '' TERM; sleep 100) & while :; do sleep 0.1; done", run, settings, timeout=1
    )
    assert outcome.error_code == ErrorCode.EXECUTION_TIMEOUT
    assert 1.5 <= time.monotonic() - begun < 10
    assert marked(RECORD) == set()


@pytest.mark.matrix("F83")
def test_a_script_may_take_a_day_and_its_time_begins_with_its_process(run, settings, monkeypatch):
    real = script_file.script_file

    @contextlib.contextmanager
    def slow(*args, **options):
        time.sleep(1.2)
        with real(*args, **options) as command:
            yield command

    monkeypatch.setattr("cloudassist_agent.executor.script_file", slow)
    assert carry_out("echo on", run, settings, timeout=1).output == b"on\n"
    monkeypatch.undo()
    assert carry_out("echo on", run, settings, timeout=limits.TIMEOUT_MAXIMUM_SECONDS).output == b"on\n"


@pytest.mark.matrix("F82")
def test_scripts_that_are_written_and_run_while_others_are_started_are_never_busy(settings):
    """A file that is being written when another thread forks is open in that child: run directly it is ETXTBSY."""
    running = Running(8, lambda: None)

    def act(worker):
        outputs = set()
        for number in range(25):
            run = running.add(f"{RECORD}-{worker}-{number}", "web-1")
            folder = settings.execution_path / f"cloudassist-{worker}-{number}"
            follower = Follower(nothing, nothing)
            outputs.add(execute(payload("#!/bin/sh\necho on"), run, settings, follower, folder).output)
            running.remove(run)
        return outputs

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(act, range(8))) == [{b"on\n"}] * 8


@pytest.mark.matrix("F71")
def test_what_leaves_its_session_and_its_parent_is_ended(run, settings):
    script = "setsid sh -c 'setsid sleep 100 & sleep 100' & (setsid nohup sleep 100 >/dev/null 2>&1 &); sleep 100"
    outcome = carry_out(script, run, settings, timeout=1)
    assert outcome.toll.ended >= 4
    assert marked(RECORD) == set()


def test_a_stop_ends_the_script(run, settings):
    lasting = threading.Event()
    stopper = threading.Thread(target=lambda: (lasting.wait(10), run.stop()))
    stopper.start()
    follower = Follower(lambda _: lasting.set(), nothing)
    outcome = execute(payload("echo a; sleep 100"), run, settings, follower, folder_in(settings))
    stopper.join()
    assert (outcome.status, outcome.exit_code, outcome.output[:2]) == (InvocationStatus.STOPPED, 143, b"a\n")
    assert outcome.seconds < 10


def test_only_a_script_that_lasts_is_told(run, settings):
    told = []
    execute(payload("true"), run, settings, Follower(told.append, nothing), folder_in(settings))
    assert told == []
    execute(payload("sleep 0.6"), run, settings, Follower(told.append, nothing), folder_in(settings))
    assert len(told) == 1
    assert not alive(told[0])


@pytest.mark.matrix("F70")
def test_a_background_child_is_left_alone_and_not_waited_for(run, settings, tmp_path):
    begun = time.monotonic()
    outcome = carry_out(f"(sleep 2; touch {tmp_path}/late) & echo done", run, settings)
    assert time.monotonic() - begun < 2
    assert (outcome.status, outcome.output) == (InvocationStatus.FINISHED, b"done\n")
    wait_until((tmp_path / "late").exists, "the child to go on")


@pytest.mark.matrix("F69")
def test_endless_output_costs_bounded_memory(run, settings):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = carry_out("head -c 300000000 /dev/zero; echo end", run, settings)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000
    assert len(outcome.output) == settings.output_bytes
    assert outcome.output.endswith(b"end\n")
    assert outcome.dropped == 300_000_004 - settings.output_bytes


def test_output_goes_on_being_taken_while_a_script_is_ended(run, settings):
    outcome = carry_out(
        "trap 'head -c 1000000 /dev/zero; exit 1' TERM; while :; do sleep 0.05; done", run, settings, timeout=1
    )
    assert outcome.dropped > 900_000


@pytest.mark.matrix("F65")
def test_what_cannot_be_started_is_an_outcome(run, settings):
    outcome = carry_out("#!/no/such/interpreter\n", run, settings)
    assert (outcome.status, outcome.error_code) == (InvocationStatus.FAILED, ErrorCode.EXECUTION_EXCEPTION)
    assert "/no/such/interpreter" in outcome.error_info
    assert outcome.seconds is None


def test_nothing_is_left_in_the_execution_path(run, settings, tmp_path):
    carry_out("echo; mkdir -p $(dirname $0)/x/y", run, settings)
    assert [path for path in tmp_path.iterdir() if path.name.startswith("cloudassist-")] == []


def test_the_name_of_a_windows_password_means_nothing_here(run, settings):
    outcome = carry_out("env; id -u", run, settings, windows_password_name="deploy")
    assert outcome.status is InvocationStatus.FINISHED
    assert outcome.output.split()[-1] == str(os.getuid()).encode()
    assert b"deploy" not in outcome.output
    outcome = carry_out("id", run, settings, username="no-such-user", windows_password_name="deploy")
    assert outcome.error_code == ErrorCode.ACCOUNT_NOT_EXISTS
