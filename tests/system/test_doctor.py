"""``assist doctor`` on a region that runs."""

import json

import pytest

from support import verbs

pytestmark = pytest.mark.system


def test_a_region_that_runs_is_well(stack):
    done = verbs.run(stack.environment("admin"), "doctor")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert any("3 instances" in line for line in lines)
    document = json.loads(verbs.run(stack.environment("admin"), "doctor", "--json").stdout)
    assert {check["name"] for check in document["Checks"]} >= {"server", "beats", "dispatch", "agents"}
