"""An agent and its host: what it says of it, and what it does with little of it."""

import os
import shutil
import subprocess

import psutil
import pytest

from cloudassist import InvocationStatus, InvokeStatus
from support import cgroups
from support.agents import RUN, agent, run_soon
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SOON = 15.0
MEMORY = 200 * 2**20
EATER = "head -c 2000000000 /dev/zero | tail"
"""A script that wants more memory than there is: it looks for the end of a line."""
BUSY = "for i in 1 2 3 4; do while :; do :; done & done; wait"
USER, GROUP = 5, 60
"""Somebody who is not root, by number: games, where there is one."""


@pytest.fixture
def assistant(near):
    with near.assistant() as assistant:
        yield assistant


def may_unshare():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-u", "true"], check=False).returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="a host name of one's own needs root")
def test_a_host_that_gets_another_name(near, tmp_path):
    with (
        near.assistant() as assistant,
        agent(near, "renamed", tmp_path, command=["unshare", "-u", *RUN], PRESENCE_INTERVAL_SECONDS="0.5") as renamed,
    ):
        (before,) = assistant.describe_instances(["renamed"])
        in_its_namespace = ["nsenter", "-t", str(renamed.process.pid), "-u"]
        subprocess.run([*in_its_namespace, "hostname", "another-name"], check=True)

        def hostname():
            (now,) = assistant.describe_instances(["renamed"])
            return now.hostname

        wait_until(lambda: hostname() == "another-name", "the new name")
        assert before.hostname != "another-name"
        (now,) = assistant.describe_instances(["renamed"])
        assert (now.os_type, now.os_version, now.address) == (before.os_type, before.os_version, before.address)
        assert now.registration_time == before.registration_time


@pytest.mark.matrix("F34", "F73")
def test_a_script_that_eats_all_memory_is_killed_and_the_agent_goes_on(near, assistant, tmp_path):
    """The kernel takes the largest of the agent's group, as it does of a service that systemd limits."""
    with cgroups.group("memory", limit_in_bytes=MEMORY) as limited:
        command = ["sh", "-c", f'echo $$ > {limited}/cgroup.procs; exec "$@"', "sh", *RUN]
        with agent(near, "narrow", tmp_path, command=command) as narrow:
            eaten = assistant.run_command(EATER, instance_ids=["narrow"]).wait(SOON)
            result = by_instance(eaten)["narrow"]
            assert (result.status, result.exit_code, result.detail_status) == (InvocationStatus.FINISHED, 137, "Failed")
            assert "oom_kill 1" in (limited / "memory.oom_control").read_text()
            run_soon(assistant, "narrow", SOON)
            assert narrow.process.poll() is None


@pytest.mark.matrix("F73")
def test_a_script_that_takes_every_processor_keeps_nothing_from_being_served_and_stopped(near, assistant):
    busy = assistant.run_command(BUSY, instance_ids=["near"])
    wait_until(lambda: by_instance(busy)["near"].start_time, "the script to start")
    run_soon(assistant, "near", SOON)
    (row,) = assistant.describe_instances(instance_name="near")
    assert row.online
    busy.stop()
    assert busy.wait(SOON).status is InvokeStatus.STOPPED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.matrix("F43")
def test_an_agent_that_is_not_root_runs_what_is_its_own_and_refuses_the_rest(near, assistant, tmp_path):
    (tmp_path / "plain").mkdir()
    shutil.chown(tmp_path / "plain", USER, GROUP)
    # Where Python and the tests lie, others may not be let in: it may look, and has no other right.
    right = "+dac_read_search"
    become = ["setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups"]
    command = [*become, f"--inh-caps={right}", f"--ambient-caps={right}", *RUN]
    with agent(near, "plain", tmp_path, command=command) as plain:
        assert psutil.Process(plain.process.pid).uids().effective == USER
        assert by_instance(run_soon(assistant, "plain", SOON, "id -u"))["plain"].output == f"{USER}\n"
        refused = assistant.run_command("id", instance_ids=["plain"], username="root", working_dir="/").wait(SOON)
        result = by_instance(refused)["plain"]
        assert (result.error_code, result.detail_status) == ("UserOrPasswordInvalid", "Invalid")
        assert result.start_time is None
        run_soon(assistant, "plain", SOON)
