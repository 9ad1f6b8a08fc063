"""What an agent says of its host, and of changes to it."""

import os
import subprocess

import pytest

from support.agents import RUN, agent
from support.waiting import wait_until

pytestmark = pytest.mark.system


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
