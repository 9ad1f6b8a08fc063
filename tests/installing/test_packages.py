"""The packages of the agent: built, installed on a machine, run there, removed again; with the system's own tools."""

import shutil
import subprocess
import sys

import pytest

from support.agents import run_soon
from support.namespaces import machine, needs_root
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300), needs_root]

TOOLS = {"deb": "dpkg-deb", "rpm": "rpmbuild"}
INSTALL = {"deb": ("dpkg", "--install"), "rpm": ("rpm", "--install", "--nodeps")}
REMOVE = {"deb": ("dpkg", "--remove"), "rpm": ("rpm", "--erase")}
SYSTEM_PYTHON = "/usr/bin/python3.11"
SOON = 20.0


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The packages that can be built here, by their kind."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "packages", "--output", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {path.suffix[1:]: path for path in folder.iterdir()}


@pytest.fixture(params=sorted(TOOLS))
def package(request, built, tmp_path):
    """A machine, a package for it, and its kind."""
    if shutil.which(TOOLS[request.param]) is None:
        pytest.skip(f"{TOOLS[request.param]} is not installed")
    with machine(tmp_path / "machine", request.param) as own:
        if not own.has(SYSTEM_PYTHON):
            pytest.skip(f"there is no {SYSTEM_PYTHON}")
        name = f"/tmp/{built[request.param].name}"
        shutil.copyfile(built[request.param], f"/proc/{own.pid}/root{name}")
        yield own, name, request.param


def test_it_is_installed_serves_and_is_removed(near, package):
    own, file, kind = package
    own.must(*INSTALL[kind], file)
    variables = near.admit(f"by-{kind}") | {"CLOUDASSIST_INSTANCE_ID": f"by-{kind}"}
    variables["CLOUDASSIST_STATE_DIR"] = "/var/lib/cloudassist"
    settings = "".join(f'{name}="{value}"\n' for name, value in variables.items())
    own.must("sh", "-c", "cat > /etc/cloudassist/agent.env", given=settings)
    own.must("sh", "-c", "set -a; . /etc/cloudassist/agent.env; cloudassist-agent start")
    with near.assistant() as assistant:
        run = run_soon(assistant, f"by-{kind}", SOON, "cat /proc/$PPID/cmdline | tr '\\0' ' '")
        (result,) = run.results()
        assert result.output.startswith("/usr/lib/cloudassist/bin/python -m cloudassist_agent run")
        own.must(*REMOVE[kind], "cloudassist-agent")
        wait_until(lambda: not len(assistant.describe_instances([f"by-{kind}"], online=True)), "the agent to be gone")
    assert not own.has("/usr/lib/cloudassist")
    assert not own.has("/usr/bin/cloudassist-agent")
    assert not own.has("/usr/lib/systemd/system/cloudassist.service")
    assert own.has(f"/var/lib/cloudassist/agents/by-{kind}/instance.key"), "the key of an instance outlives its package"


def test_what_is_in_it_is_whole_and_roots(package):
    own, file, kind = package
    own.must(*INSTALL[kind], file)
    verify = {"deb": ("dpkg", "--verify"), "rpm": ("rpm", "--verify", "--nodeps")}[kind]
    assert own.must(*verify, "cloudassist-agent") == ""
    listed = own.must(*{"deb": ("dpkg", "-L"), "rpm": ("rpm", "-ql")}[kind], "cloudassist-agent").split()
    assert {"/usr/bin/cloudassist-agent", "/usr/lib/systemd/system/assist-daemon.service"} <= set(listed)
    owners = own.must("find", "/usr/lib/cloudassist", "/etc/cloudassist", "-printf", "%u:%g\n")
    assert set(owners.split()) == {"root:root"}
    assert own.must("stat", "-c", "%a", "/etc/cloudassist/agent.env") == "600\n"
    unit = own.must("cat", "/usr/lib/systemd/system/cloudassist.service")
    assert "ExecStart=/usr/lib/cloudassist/bin/python -m cloudassist_agent run" in unit
    assert "EnvironmentFile=-/etc/cloudassist/agent.env" in unit
    assert "$" not in unit
