"""Scripts that do what scripts should not, as real processes."""

import dataclasses
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest

from cloudassist.error_code import ErrorCode
from cloudassist.orders import Payload
from cloudassist.status import InvocationStatus
from cloudassist_agent.executor import execute
from cloudassist_agent.scripts.following import Follower
from cloudassist_agent.scripts.running import Running
from cloudassist_agent.scripts.tree import Sweeps
from cloudassist_agent.settings import AgentSettings
from support import cgroups
from support.disks import fill, needs_mount, small_disk
from support.processes import marked
from support.waiting import wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run scripts as somebody else")
FINISHED, FAILED, STOPPED = InvocationStatus.FINISHED, InvocationStatus.FAILED, InvocationStatus.STOPPED


class Instance:
    """Runs one script after the other, each as a record of its own."""

    def __init__(self, folder):
        self.settings = AgentSettings(
            instance_id=("web-1",), state_dir=folder, execution_path=folder, kill_grace_seconds=0.5
        )
        self.running = Running(10, lambda: None)
        self.chunks = []
        self.record_id = ""

    def run(self, content, *, stop_after=None, **changes):
        self.record_id = f"t-{os.getpid()}-{time.monotonic_ns()}.web-1"
        run = self.running.add(self.record_id, "web-1")
        lasting = threading.Event()
        stopper = threading.Thread(target=lambda: (lasting.wait(10), time.sleep(stop_after or 0), run.stop()))
        if stop_after is not None:
            stopper.start()
        payload = Payload("t-1", "c-1", "RunShellScript", content, timeout=20, region="local")
        follower = Follower(lambda _: lasting.set(), lambda *chunk: self.chunks.append(chunk))
        folder = self.settings.execution_path / f"cloudassist-{self.record_id}"
        outcome = execute(dataclasses.replace(payload, **changes), run, self.settings, follower, folder)
        if stop_after is not None:
            stopper.join()
        self.running.remove(run)
        return outcome


@pytest.fixture
def instance(tmp_path):
    return Instance(tmp_path)


@pytest.fixture
def shared():
    """An instance whose execution path is open to all users, as the usual one is."""
    with tempfile.TemporaryDirectory(prefix="cloudassist-test-") as folder:
        Path(folder).chmod(0o755)
        yield Instance(Path(folder))


@pytest.mark.matrix("F62", "F63")
def test_a_shebang_with_carriage_returns_and_a_byte_order_mark(instance):
    content = "\ufeff#!/bin/bash\r\nif true; then\r\n  echo [${BASH_VERSION:+bash}]\r\nfi\r\n"
    assert instance.run(content).output == b"[bash]\n"


@pytest.mark.matrix("F61")
@needs_mount
def test_an_execution_path_that_forbids_execution(tmp_path):
    with small_disk(tmp_path / "disk", "noexec") as disk:
        assert Instance(disk).run("#!/bin/bash\necho fine").output == b"fine\n"


@pytest.mark.matrix("F67")
@needs_mount
def test_a_full_execution_path_fails_the_record_and_says_where(tmp_path):
    with small_disk(tmp_path / "disk", "size=64k") as disk:
        fill(disk)
        outcome = Instance(disk).run("echo " + "x" * 10_000)
        assert (outcome.status, outcome.error_code) == (FAILED, ErrorCode.EXECUTION_EXCEPTION)
        assert str(disk) in outcome.error_info
        assert "No space left" in outcome.error_info


@pytest.mark.matrix("F67")
@needs_mount
def test_a_read_only_execution_path_fails_the_record_and_says_where(tmp_path):
    with small_disk(tmp_path / "disk", "ro") as disk:
        outcome = Instance(disk).run("echo")
        assert outcome.error_code == ErrorCode.EXECUTION_EXCEPTION
        assert str(disk) in outcome.error_info


@pytest.mark.matrix("F68")
def test_output_that_is_no_text_arrives_as_it_is(instance):
    outcome = instance.run(r"printf 'a\000b\377\303\r50%%\r100%%\n\033[31m'")
    assert outcome.output == b"a\0b\xff\xc3\r50%\r100%\n\x1b[31m"


def test_streams_are_kept_in_order(instance):
    outcome = instance.run("for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    assert outcome.output == b"".join(b"out %d\nerr %d\n" % (i, i) for i in (1, 2, 3))


@pytest.mark.matrix("F78")
@pytest.mark.parametrize("code", [0, 1, 255, 300])
def test_exit_codes(instance, code):
    assert instance.run(f"exit {code}").exit_code == code % 256


@pytest.mark.matrix("F79")
def test_input_is_empty(instance):
    assert instance.run("cat; read line; echo $?").output == b"1\n"


@pytest.mark.matrix("F81")
def test_a_script_that_removes_its_own_folder(instance, tmp_path):
    outcome = instance.run('rm -rf "$(dirname "$0")"; echo still here')
    assert (outcome.status, outcome.output) == (FINISHED, b"still here\n")
    assert [path for path in tmp_path.iterdir() if path.name.startswith("cloudassist-")] == []


@pytest.mark.matrix("F76")
def test_a_script_that_signals_its_own_group_reaches_nobody_else(instance):
    outcome = instance.run("kill -TERM 0; sleep 5")
    assert (outcome.status, outcome.exit_code) == (FINISHED, 143)


@pytest.mark.matrix("F75")
def test_a_script_that_stops_itself_is_killed(instance):
    outcome = instance.run("kill -STOP $$", timeout=1)
    assert (outcome.error_code, outcome.toll.killed) == (ErrorCode.EXECUTION_TIMEOUT, 1)
    assert outcome.error_info.endswith("1 process was ended, 1 of them killed")
    assert marked(instance.record_id) == set()


@pytest.mark.filterwarnings("ignore:subprocess:ResourceWarning")
@pytest.mark.matrix("F75")
def test_a_script_that_cannot_be_killed_is_given_up_and_that_is_said(instance, monkeypatch):
    """Frozen, it is as dead to signals as one that hangs in the kernel."""
    monkeypatch.setattr("cloudassist_agent.scripts.tree.UNKILLABLE_SECONDS", 0.5)
    with cgroups.group("freezer") as frozen:
        script = f"echo begun; echo $$ > {frozen}/cgroup.procs; echo FROZEN > {frozen}/freezer.state; echo never"
        outcome = instance.run(script, stop_after=0.1)
        (frozen / "freezer.state").write_text("THAWED")
    assert (outcome.status, outcome.exit_code, outcome.output) == (STOPPED, None, b"begun\n")
    assert (outcome.toll.ended, outcome.toll.left) == (0, 1)
    assert outcome.error_info == "no process was ended, 1 left that the kernel does not let go"
    wait_until(lambda: not marked(instance.record_id), "it to go as soon as it can")


@pytest.mark.matrix("F74")
def test_a_script_that_ignores_the_polite_signal_is_killed(instance):
    outcome = instance.run("trap '' TERM; echo begun; while :; do sleep 0.1; done", stop_after=0.1)
    assert (outcome.status, outcome.exit_code, outcome.output) == (STOPPED, 137, b"begun\n")
    assert outcome.toll.killed >= 1
    assert marked(instance.record_id) == set()


def test_a_script_that_obeys_has_the_grace_to_clean_up(instance):
    script = "trap 'sleep 0.2; echo cleaned; exit 7' TERM; echo begun; while :; do sleep 0.05; done"
    outcome = instance.run(script, stop_after=0.1)
    assert (outcome.status, outcome.exit_code) == (STOPPED, 7)
    # Some shells add a word of their own when their child is ended before they are.
    assert outcome.output.startswith(b"begun\n")
    assert outcome.output.endswith(b"cleaned\n")


@pytest.mark.matrix("F71")
@pytest.mark.parametrize(
    "script",
    [
        "sleep 100 & sleep 100",
        "setsid sleep 100 & sleep 100",
        "nohup sleep 100 >/dev/null 2>&1 & sleep 100",
        "(setsid sh -c '(setsid sleep 100 &) ; sleep 100' &); sleep 100",
        "sh -c 'exec setsid sleep 100' & trap '' TERM; sleep 100; sleep 100",
        "set -m; sleep 100 & sleep 100",
        "(trap '' TERM HUP; sleep 100; sleep 100) & exec sleep 100",
    ],
)
def test_nothing_with_the_mark_of_the_run_is_left(instance, script):
    outcome = instance.run(script, timeout=1)
    assert outcome.error_code == ErrorCode.EXECUTION_TIMEOUT
    assert outcome.toll.ended >= 2
    assert marked(instance.record_id) == set()


def test_a_process_that_outlives_its_parent_counts_once(instance):
    """It gets another parent meanwhile, and is still the same."""
    outcome = instance.run("(trap '' TERM; exec sleep 1.3) & exec sleep 100", timeout=1)
    assert (outcome.toll.ended, outcome.toll.killed) == (2, 0)


@pytest.mark.matrix("F72")
@needs_root
@pytest.mark.timeout(60)
def test_a_fork_bomb_under_a_limit_of_processes(shared):
    """By another user, whom the limit holds."""
    user = "games"
    script = "ulimit -u 150; bomb() { bomb | bomb & }; bomb 2>/dev/null; while :; do sleep 0.01; done 2>/dev/null"
    outcome = shared.run("#!/bin/bash\n" + script, timeout=1, username=user, working_dir="/")
    assert outcome.error_code == ErrorCode.EXECUTION_TIMEOUT
    assert outcome.toll.ended > 20
    assert marked(shared.record_id) == set()


def test_those_that_look_at_the_same_moment_share_a_sweep(monkeypatch):
    looks = []
    monkeypatch.setattr("cloudassist_agent.scripts.tree._pids", lambda: looks.append(1) or list(range(1, 3_000)))
    sweeps = Sweeps()
    barrier = threading.Barrier(8)
    threads = [threading.Thread(target=lambda: (barrier.wait(), sweeps.processes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) == 1


def test_what_began_after_a_sweep_is_not_taken_for_gone(monkeypatch):
    """A sweep that took long is good for long, but not for those who ask about what began meanwhile."""
    looks = []
    monkeypatch.setattr("cloudassist_agent.scripts.tree._pids", lambda: looks.append(1) or time.sleep(0.1) or [])
    sweeps = Sweeps()
    sweeps.processes()
    sweeps.processes()
    assert len(looks) == 1
    asked = time.monotonic()
    sweeps.processes(asked)
    sweeps.processes(asked)
    assert len(looks) == 2


def test_who_has_just_seen_an_end_may_look_again_until_that_becomes_too_much(monkeypatch):
    looks = []
    monkeypatch.setattr("cloudassist_agent.scripts.tree._pids", lambda: looks.append(1) or time.sleep(0.011) or [])
    sweeps = Sweeps()
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < 0.5:
        sweeps.again(time.monotonic())
    # 20 ms were saved up, a fourth of the time comes to it, and the last look may go beyond.
    assert 2 <= len(looks) <= (0.02 + 0.25 * passed) / 0.011 + 1


def test_output_is_told_while_a_script_runs(instance):
    outcome = instance.run("for i in 1 2 3; do echo $i; sleep 0.7; done", timeout=10)
    assert outcome.output == b"1\n2\n3\n"
    assert instance.chunks[0] == (0, b"1\n")
    told = b""
    for position, data in instance.chunks:
        assert position == len(told)
        told += data
    assert outcome.output.startswith(told)
    assert 2 <= len(instance.chunks) <= 3


def test_of_much_output_the_last_part_is_told_with_its_place(instance):
    outcome = instance.run("head -c 100000 /dev/zero | tr '\\0' x; printf end; sleep 0.5")
    ((position, data),) = instance.chunks
    assert (position + len(data), data[-4:], len(data)) == (100_003, b"xend", 2048)
    assert len(outcome.output) + outcome.dropped == 100_003


def test_types_of_other_systems_are_not_applicable(instance):
    for kind in ("RunBatScript", "RunPerlScript"):
        outcome = instance.run("echo", type=kind)
        assert (outcome.status, outcome.error_code) == (FAILED, ErrorCode.COMMAND_NOT_APPLICABLE)
        assert kind in outcome.error_info


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="PowerShell is not installed")
def test_powershell(instance):
    outcome = instance.run("Write-Output 'grün'; exit 3", type="RunPowerShellScript")
    assert (outcome.exit_code, outcome.output.decode().strip()) == (3, "grün")


@needs_root
def test_another_user_runs_the_script_with_everything_that_is_theirs(shared):
    script = """\
        id -u; id -G; echo "$HOME|$USER|$LOGNAME"; umask
        stat -c "%U %a" "$0" "$(dirname "$0")"
        cat /proc/self/status"""
    outcome = shared.run(script, username="games", working_dir="/")
    uid, groups, variables, umask, file, folder, *status = outcome.output.decode().splitlines()
    assert (uid, groups, variables, umask) == ("5", "60", "/usr/games|games|games", "0022")
    assert (file.split()[0], folder) == ("games", "games 700")
    assert "CapEff:\t0000000000000000" in status


@needs_root
def test_another_users_script_can_be_stopped(shared):
    outcome = shared.run("sleep 100 & sleep 100", username="games", working_dir="/", stop_after=0.1)
    assert (outcome.status, outcome.toll.ended) == (STOPPED, 3)


@pytest.mark.matrix("F66")
def test_a_missing_user_is_refused(instance):
    outcome = instance.run("id", username="no-such-user")
    assert (outcome.status, outcome.error_code) == (FAILED, ErrorCode.ACCOUNT_NOT_EXISTS)
    assert "no-such-user" in outcome.error_info


@pytest.mark.matrix("F43")
def test_an_agent_that_is_not_root_says_that_it_cannot_be_somebody_else(instance, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 5)
    outcome = instance.run("id", username="nobody")
    assert outcome.error_code == ErrorCode.USER_OR_PASSWORD_INVALID
    assert "'games'" in outcome.error_info
    assert "'nobody'" in outcome.error_info
