"""What comes in messages and arguments never becomes part of a file's name or of a command line."""

import stat
import sys

import pytest

from cloudassist import InvokeStatus
from support.agents import agent, run_soon

pytestmark = pytest.mark.system

NASTY = [
    "../../x",
    "x; touch {made}",
    "$(touch {made})",
    "`touch {made}`",
    "x\ntouch {made}",
    "-x",
    "'; touch {made} #",
]


@pytest.mark.parametrize("value", NASTY)
def test_a_working_directory_is_one_or_none(assistant, tmp_path, value):
    made = tmp_path / "made"
    run = assistant.run_command("true", instance_ids=["web-1"], working_dir=value.format(made=made))
    assert run.wait(20).status is InvokeStatus.FAILED
    assert next(run.results()).error_code == "DirectoryNotExists"
    assert not made.exists()


@pytest.mark.parametrize("value", ["..", "$(id)", "-x", "root;id", "0"])
def test_a_user_is_one_or_none(assistant, value):
    run = assistant.run_command("true", instance_ids=["web-1"], username=value)
    run.wait(20)
    assert next(run.results()).error_code == "AccountNotExists"


def test_the_agents_own_files_are_private_whatever_mask_it_was_started_with(near, tmp_path):
    command = ["sh", "-c", f"umask 000; exec {sys.executable} -m cloudassist_agent run"]
    settings = {"LOG_FILE": str(tmp_path / "masked" / "agents" / "agent.log")}
    with agent(near, "masked", tmp_path, command=command, wait=False, **settings), near.assistant() as assistant:
        run = run_soon(assistant, "masked", 20, f"cd {tmp_path}; umask; : > made; stat -c %a made")
        assert next(run.results()).output == "0022\n644\n"
        found = list((tmp_path / "masked").rglob("*"))
        assert {"journal.db", "instance.key", "key-set", "lock", "signs"} <= {path.name for path in found}
        others = [path for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert others == []
