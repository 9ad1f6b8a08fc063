"""What a script writes is seen while it runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = pytest.mark.system

PROGRAM = str(Path(sys.executable).parent / "cloudassist")
COUNT = "for i in 1 2 3; do echo line $i; sleep 0.6; done; printf ende"


def test_results_show_it_before_the_end(assistant):
    invocation = assistant.run_command("echo begun; sleep 1.5; echo over", instance_ids=["web-1"])

    def seen():
        result = by_instance(invocation)["web-1"]
        return (str(result.status), result.output)

    wait_until(lambda: seen() == ("Running", "begun\n"), "the first line")
    invocation.wait(timeout=20)
    assert seen() == ("Finished", "begun\nover\n")


def test_pieces_hang_together_to_the_whole(assistant):
    invocation = assistant.run_command(COUNT, instance_ids=["web-1", "web-2"])
    pieces = list(invocation.tail(timeout=20))
    for name in ("web-1", "web-2"):
        mine = [piece for piece in pieces if piece.instance_id == name]
        assert len(mine) > 1
        assert b"".join(piece.data for piece in mine) == b"line 1\nline 2\nline 3\nende"
        assert not any(piece.skipped for piece in mine)
    assert b"".join(piece.data for piece in invocation.tail(timeout=5) if piece.instance_id == "web-1").endswith(
        b"ende"
    )


def test_of_much_output_what_was_left_out_is_counted(assistant):
    invocation = assistant.run_command("seq 100000; sleep 0.5; seq 100000; echo the end", instance_ids=["web-1"])
    pieces = list(invocation.tail(timeout=20))
    whole = sum(len(piece.data) + piece.skipped for piece in pieces)
    (result,) = invocation.results()
    assert whole == len(result.output_bytes) + result.dropped == 2 * 588_895 + 8
    assert pieces[-1].data.endswith(b"the end\n")
    assert any(piece.skipped for piece in pieces)


@pytest.fixture
def assist(stack):
    def run(*arguments, code=0):
        done = subprocess.run(
            [PROGRAM, *arguments],
            env=os.environ | stack.environment("producer"),
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    return run


def test_the_command_line_follows_each_instance(assist):
    shown = assist("run", "--follow", "-i", "web-1", "-i", "web-2", COUNT).splitlines()
    for name in ("web-1", "web-2"):
        lines = [line.partition(" | ")[2] for line in shown if line.startswith(f"{name} | ")]
        assert lines == ["line 1", "line 2", "line 3", "ende"]
    assert shown[-1].endswith(" Finished")
    assert "line" not in shown[-2]


def test_an_earlier_run_can_be_watched(assist):
    invoke_id = assist("run", "--no-wait", "-i", "web-1", COUNT + "; exit 3").strip()
    shown = assist("watch", invoke_id, code=1)
    assert [line for line in shown.splitlines() if line.startswith("web-1 | ")][-1] == "web-1 | ende"
    assert '"ExitCode": 3' in assist("watch", invoke_id, "--json", code=1)


def test_what_a_terminal_would_obey_is_shown_instead(assist):
    script = r"printf '\033[31mred\033[0m\n10%%\r20%%\r30%%\n\a\302\240bell\n'"
    shown = assist("run", "-i", "web-1", script)
    assert "\x1b" not in shown
    assert "\\x1b[31mred" in shown
    assert "30%" in shown
    assert "20%" not in shown
    followed = assist("run", "--follow", "-i", "web-1", script)
    assert "\x1b" not in followed
    assert "web-1 | 20%" in followed
