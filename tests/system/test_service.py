"""The agent as a service of systemd: what is written, that it serves, what is started, and that it goes again."""

import shlex
import shutil
import subprocess
import sys

import pytest

from cloudassist_agent.settings import AgentSettings
from support.agents import agent, run_soon

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

AGENT = (sys.executable, "-m", "cloudassist_agent")
UNITS = ("assist-daemon.service", "cloudassist.service")
SOON = 20.0


@pytest.fixture
def root(tmp_path):
    """The root of another system, in which systemd does not run."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def booted(root, tmp_path):
    """The same with systemd running: systemctl notes what it is asked, and does what the file ``fate`` says."""
    (root / "run" / "systemd" / "system").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ ! -e {tmp_path}/fate ] || . {tmp_path}/fate\n')
    systemctl.chmod(0o755)
    return root


@pytest.fixture
def service(near, root, tmp_path):
    """Run a sub-command of an agent's that is about its service."""

    def service(verb, **settings):
        variables = {
            "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
            **near.admit(settings.get("INSTANCE_ID", "near")),
            "CLOUDASSIST_STATE_DIR": str(tmp_path / "state"),
            **{f"CLOUDASSIST_{name}": value for name, value in settings.items()},
        }
        command = [*AGENT, verb, "--root", str(root)]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    return service


def unit(root, name):
    """Return a unit's settings; one that stands there several times keeps its last value, but for Environment."""
    lines = (root / "etc" / "systemd" / "system" / name).read_text().splitlines()
    pairs = [line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#")]
    return dict(pairs)


def as_systemd(root):
    """Return the command of the client's unit in the environment of its file, which a shell reads as systemd does."""
    file = root / "etc" / "cloudassist" / "agent.env"
    start = shlex.split(unit(root, "cloudassist.service")["ExecStart"])
    return ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", f'set -a; . {file}; exec "$@"', "sh", *start]


def test_what_is_installed_serves(near, service, root, tmp_path):
    done = service("install-service", INSTANCE_ID="as-service", TAGS='note=it\'s "$HOME" \\ `x`')
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (root / "etc/systemd/system").iterdir()) == sorted(UNITS)
    assert (root / "etc/cloudassist/agent.env").stat().st_mode & 0o777 == 0o600
    assert "where systemd runs: systemctl enable cloudassist.service assist-daemon.service" in done.stdout
    with agent(near, "as-service", tmp_path, command=as_systemd(root)), near.assistant() as assistant:
        run_soon(assistant, "as-service", SOON)
        (instance,) = assistant.describe_instances(instance_name="as-service")
        assert instance.tags["note"] == 'it\'s "$HOME" \\ `x`'
    assert (tmp_path / "state" / "agents" / "as-service" / "journal.db").exists()


def test_the_unit_gives_a_drain_its_time(service, root):
    service("install-service", INSTANCE_ID="patient", DRAIN_SECONDS="3600")
    grace = AgentSettings(instance_id="patient").kill_grace_seconds
    assert int(unit(root, "cloudassist.service")["TimeoutStopSec"]) > 3600 + grace
    assert unit(root, "cloudassist.service")["KillMode"] == "mixed"


def test_the_daemon_is_told_of_the_unit_and_goes_with_it(service, root):
    service("install-service", INSTANCE_ID="watched")
    daemon = unit(root, "assist-daemon.service")
    assert daemon["ExecStart"].endswith(" watch --unit cloudassist.service")
    assert daemon["PartOf"] == "cloudassist.service"
    assert "assist-daemon.service" in unit(root, "cloudassist.service")["Wants"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_has_nothing_against_the_units(service, root):
    service("install-service", INSTANCE_ID="analyzed")
    paths = [root / "etc" / "systemd" / "system" / name for name in UNITS]
    said = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.usefixtures("booted")
def test_it_is_enabled_and_started_and_stopped_and_removed(service, root, tmp_path):
    for _ in range(2):  # the second time renews it
        assert service("install-service", INSTANCE_ID="started").returncode == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    one = ["daemon-reload", "enable cloudassist.service assist-daemon.service", "restart cloudassist.service"]
    assert asked == 2 * one
    (tmp_path / "state").mkdir(exist_ok=True)
    assert service("uninstall-service").returncode == 0
    asked = (tmp_path / "asked").read_text().splitlines()[len(asked) :]
    assert asked == ["disable --now assist-daemon.service cloudassist.service", "daemon-reload"]
    assert [path for path in (root / "etc").rglob("*") if path.is_file()] == []
    assert (tmp_path / "state").is_dir()


@pytest.mark.usefixtures("booted")
def test_what_systemd_refuses_is_told(service, tmp_path):
    (tmp_path / "fate").write_text("echo 'Unit is masked.' >&2; exit 1")
    failed = service("install-service", INSTANCE_ID="masked")
    assert failed.returncode == 2
    assert "systemctl daemon-reload failed: Unit is masked." in failed.stderr
    assert "Traceback" not in failed.stderr


def test_what_cannot_be_kept_or_written_is_refused(service, root):
    broken = service("install-service", INSTANCE_ID="x", TAGS="note=two\nlines")
    assert broken.returncode == 2
    assert "line break" in broken.stderr
    (root / "etc").write_text("no folder")
    unwritable = service("install-service", INSTANCE_ID="x")
    assert unwritable.returncode == 2
    assert "the service cannot be installed" in unwritable.stderr
    assert "Traceback" not in unwritable.stderr + broken.stderr


def test_without_the_keys_there_is_no_service(service, root):
    refused = service("install-service", INSTANCE_ID="keyless", TRUST="")
    assert refused.returncode == 2
    assert list(root.iterdir()) == []
    assert "Traceback" not in refused.stderr
