"""The agent brought to this machine over SSH into a folder of its own, and taken away."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cloudassist import LocalStack
from support.sshd import needs_sshd, new_key, sshd

pytestmark = [pytest.mark.system, pytest.mark.timeout(120), needs_sshd]


@pytest.fixture
def region():
    with LocalStack(instances=[], enrol=True) as stack:
        yield stack


@pytest.fixture
def verb(region):
    """Run a verb of the command line; return its exit code, and what it prints as JSON, or as text."""

    def verb(*arguments):
        command = [Path(sys.executable).parent / "cloudassist", *arguments]
        variables = {"PATH": "/usr/bin:/bin", **region.environment("producer")}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout) if "--json" in arguments else done.stdout

    return verb


def test_an_agent_comes_serves_and_goes(region, verb, tmp_path):
    new_key(tmp_path / "key")
    with sshd(tmp_path / "sshd", tmp_path / "key") as server:
        prefix, state = tmp_path / "agent", tmp_path / "state"
        login = ("--ssh-key", str(server.key), "--known-hosts", str(server.known_hosts),
                 "--prefix", str(prefix), "--state-dir", str(state))  # fmt: skip
        code, shown = verb("install", "--host", f"by-ssh={server.destination}", "--host", f"{server.address}:1", *login)
        try:
            assert code == 1, "one of the two is not there"
            assert f"{server.destination}: unpacking\n" in shown
            rows = [line.split() for line in shown.splitlines() if line.startswith(server.address) and ": " not in line]
            assert [row[1:3] for row in rows if row[1] == "Installed"] == [["Installed", "by-ssh"]], shown
            assert "HostUnreachable" in shown
            with region.assistant() as assistant:
                run = assistant.run_command("echo served", instance_ids=["by-ssh"]).wait(20)
                assert [result.output for result in run.results()] == ["served\n"]
        finally:
            code, gone = verb("uninstall", "--host", server.destination, *login, "--purge", "--json")
        assert code == 0
        assert [row["Status"] for row in gone["Hosts"]] == ["Removed"]
        assert not prefix.exists()
        assert not state.exists()
