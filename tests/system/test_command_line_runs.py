"""Runs from the command line: where they go, what is shown of them, and running them once more."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudassist.plugin import VERBS
from support import verbs
from support.waiting import wait_until

pytestmark = pytest.mark.system

PROGRAM = str(Path(sys.executable).parent / "cloudassist")


def test_a_script_comes_from_a_file_and_instances_by_name(stack, tmp_path):
    (tmp_path / "script.sh").write_text("echo from a file on {{ACS::InstanceId}}\n")
    named = ("run", "-i", "web-*", "--enable-parameter", "--file", str(tmp_path / "script.sh"))
    done = verbs.run(stack.environment("producer"), *named)
    assert [row.split()[:2] for row in done.stdout.splitlines()[1:4]] == [[f"web-{n}", "Finished"] for n in (1, 2, 3)]
    assert all(f"from a file on web-{number}" in done.stdout for number in (1, 2, 3))
    everywhere = verbs.run(stack.environment("producer"), "run", "--all", "--yes", "true")
    assert [row.split()[0] for row in everywhere.stdout.splitlines()[1:4]] == ["web-1", "web-2", "web-3"]
    for arguments, said in (
        (["-i", "db-*", "true"], "no instance is called db-*"),
        (["--all", "true"], "--all needs --yes where nobody can be asked"),
        (["--all", "-i", "web-1", "true"], "exclude each other"),
        (["-i", "web-1"], "give either SCRIPT, "),
        (["-i", "web-1", "true", "--file", "x"], "give either SCRIPT, "),
        (["-i", "web-1", "--file", str(tmp_path / "none")], "cannot be read"),
    ):
        refused = verbs.run(stack.environment("producer"), "run", *arguments)
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr


def test_what_did_not_go_well_comes_first_and_can_be_run_again(stack, tmp_path):
    script = f"[ -e {tmp_path}/mended ] || [ {{{{ACS::InstanceId}}}} != web-2 ] || exit {{{{code}}}}; echo {{{{word}}}}"
    given = ("-i", "web-1", "-i", "web-2", "-p", "code=3", "-p", "word=well")
    first = verbs.run(stack.environment("producer"), "run", *given, script)
    assert first.returncode == 1
    assert [row.split()[:3] for row in first.stdout.splitlines()[1:3]] == [
        ["web-2", "Finished", "3"],
        ["web-1", "Finished", "0"],
    ]
    invoke_id = first.stdout.splitlines()[-1].split()[0]
    (tmp_path / "mended").touch()
    again = verbs.run(stack.environment("producer"), "rerun", invoke_id, "--failed")
    assert again.returncode == 0, again.stderr
    (row,) = again.stdout.splitlines()[1:-1]
    assert row.split() == ["web-2", "Finished", "0", row.split()[3], "well"]
    nothing = verbs.run(stack.environment("producer"), "rerun", invoke_id, "--offline")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "nothing is run" in nothing.stderr
    as_json = verbs.run(stack.environment("producer"), "rerun", invoke_id, "--offline", "--json")
    assert json.loads(as_json.stdout)["InvocationResults"] == []


def test_secret_values_are_to_be_given_again(stack, tmp_path):
    (tmp_path / "secret").write_text("hush")
    environment = stack.environment("producer")
    secret = ("--secret", f"key=@{tmp_path}/secret")
    first = verbs.run(environment, "run", "-i", "web-1", *secret, "exit $(echo -n {{key}} | wc -c)")
    invoke_id = first.stdout.splitlines()[-1].split()[0]
    refused = verbs.run(environment, "rerun", invoke_id, "--failed")
    assert (refused.returncode, "give secret values again: --secret key" in refused.stderr) == (2, True)
    again = verbs.run(environment, "rerun", invoke_id, "--failed", *secret)
    assert again.stdout.splitlines()[1].split()[:3] == ["web-1", "Finished", "4"]


def test_quiet_leaves_only_the_exit_code(stack):
    done = verbs.run(stack.environment("producer"), "run", "-q", "-i", "web-1", "echo x; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_the_program_of_its_own_does_the_same_and_completes(stack):
    done = program(stack, "run", "-i", "web-1", "echo hello")
    assert (done.returncode, "hello" in done.stdout) == (0, True), done.stderr
    words = {"_CLOUDASSIST_COMPLETE": "bash_complete", "COMP_WORDS": "cloudassist in", "COMP_CWORD": "1"}
    completed = program(stack, **words).stdout
    assert {line.partition(",")[2] for line in completed.splitlines()} == {
        verb for verb in VERBS if verb.startswith("in")
    }


def program(stack, *arguments, **variables):
    environment = os.environ | stack.environment("producer") | variables
    return subprocess.run(
        [PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=40, check=False
    )


def test_a_probe_tells_who_answers_and_leaves_nothing_behind(stack, assistant):
    environment = stack.environment("producer")
    well = verbs.run(environment, "probe", "--all", "--yes")
    assert well.returncode == 0, well.stdout
    assert [row.split() for row in well.stdout.splitlines()[1:4]] == [[f"web-{n}", "ok"] for n in (1, 2, 3)]
    assert "3 of 3 answered" in well.stdout
    stack.kill("agent@web-2", signal.SIGSTOP)
    try:
        held = verbs.run(environment, "probe", "-i", "web-*", "--timeout", "1", "--json")
    finally:
        stack.kill("agent@web-2", signal.SIGCONT)
    faults = {each["instance_id"]: each["fault"] for each in json.loads(held.stdout)["Probes"]}
    assert held.returncode == 1
    assert (faults.pop("web-2") != "", set(faults.values())) == (True, {""})
    wait_until(lambda: assistant.describe_instances(["web-2"])[0].active_task_count == 0, "nothing to be left open")
    assert verbs.run(environment, "probe", "-i", "nobody").returncode == 2


def at_terminal(stack, *arguments):
    """Start a verb at a terminal of its own; return the process and the terminal's other end."""
    master, slave = pty.openpty()
    environment = os.environ | stack.environment("producer") | {"TERM": "xterm-256color", "COLUMNS": "120"}
    command = [str(Path(sys.executable).parent / "cloudassist"), *arguments]
    process = subprocess.Popen(
        command, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    return process, master


def read_until(master, text, seconds=20):
    """Return what a terminal shows up to a text."""
    shown, deadline = b"", time.monotonic() + seconds
    while text.encode() not in shown:
        left = deadline - time.monotonic()
        assert left > 0, f"{text!r} did not come: {shown!r}"
        if select.select([master], [], [], left)[0]:
            shown += os.read(master, 65_536)
    return shown.decode()


@pytest.mark.parametrize(("answer", "code", "status"), [("stop", 1, "Stopped"), ("leave", 130, "Running")])
def test_an_interrupted_watcher_is_asked_what_is_meant(stack, assistant, answer, code, status):
    process, master = at_terminal(stack, "run", "-i", "web-3", "sleep 30")
    invoke_id = re.search(r"t-[0-9a-f]{16}", read_until(master, "1 Running")).group()
    process.send_signal(signal.SIGINT)
    read_until(master, "only stop watching?")
    os.write(master, f"{answer}\n".encode())
    read_until(master, "Stopped" if answer == "stop" else "goes on")
    assert process.wait(20) == code
    os.close(master)
    invocation = assistant.invocation(invoke_id)
    assert invocation.refresh().status == status
    invocation.stop()
    invocation.wait(20)


def test_a_terminal_gets_one_row_for_what_is_the_same(stack):
    process, master = at_terminal(stack, "run", "-i", "web-*", "echo the same")
    shown = read_until(master, "Finished\x1b[0m\r\n")
    assert process.wait(20) == 0
    os.close(master)
    assert shown.count("the same") == 1
    assert "(3)" in shown
