"""``assist doctor`` on a region that runs."""

import json

import pytest
import redis

from cloudassist.version import __version__
from support import verbs

pytestmark = pytest.mark.system


def test_a_region_that_runs_is_well(stack):
    done = verbs.run(stack.environment("admin"), "doctor")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert any("3 instances" in line for line in lines)
    assert any(f"3 of version {__version__}" in line for line in lines)
    document = json.loads(verbs.run(stack.environment("admin"), "doctor", "--json").stdout)
    assert {check["name"] for check in document["Checks"]} >= {"server", "beats", "dispatch", "agents"}


def test_rights_that_are_not_ours_are_told_and_renewed(stack):
    environment = stack.environment("admin")
    with redis.Redis.from_url(stack.url) as server:
        server.execute_command("ACL", "SETUSER", "enrol", "(+get ~*)")
    done = verbs.run(environment, "doctor")
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("bad ")]
    assert "enrol: others than this version gives; renew them: `assist acl --apply --roles`" in told
    assert verbs.run(environment, "acl", "--apply", "--roles").returncode == 0
    assert verbs.run(environment, "doctor").returncode == 0


@pytest.fixture
def guest(stack):
    """The URL of a user who is none of ours, and may do next to nothing."""
    with redis.Redis.from_url(stack.url) as server:
        server.acl_setuser("guest", enabled=True, nopass=True, commands=["+ping", "+hello", "+client|setinfo"])
        yield f"redis://guest:x@127.0.0.1:{stack.port}/0"
        server.acl_deluser("guest")


def test_who_may_not_look_is_told_who_may(stack, guest):
    done = verbs.run(stack.environment("admin") | {"CLOUDASSIST_URL": guest}, "doctor")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == "doctor is for the administrator of the server: give CLOUDASSIST_URL with that user"
