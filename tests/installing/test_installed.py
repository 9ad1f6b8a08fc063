"""Agents brought to machines over SSH: as root, by sudo and as an ordinary user; again, repaired, and taken away."""

import tarfile
from pathlib import Path

import pytest

from cloudassist import InvokeStatus
from cloudassist.installing import failure
from cloudassist_agent.host import address
from support.namespaces import needs_root
from support.sshd import needs_sshd

pytestmark = [pytest.mark.system, pytest.mark.timeout(300), needs_sshd, needs_root]

OPT = "/opt/cloudassist"
HOME = "/home/deploy/.local/share/cloudassist"


@pytest.fixture
def said(assistant):
    """Run a script on an instance; return what it wrote."""

    def said(instance_id, script):
        run = assistant.run_command(script, instance_ids=[instance_id]).wait(20)
        assert run.status is InvokeStatus.FINISHED
        (result,) = run.results()
        return result.output.strip()

    return said


@pytest.fixture
def uninstall(assistant):
    """Uninstall from one host whose server is given; return its row."""

    def uninstall(server, host, **given):
        own = {"ssh_key": server.key, "known_hosts": server.known_hosts}
        (row,) = assistant.uninstall_cloud_assistant([host], **(own | given))
        return row

    return uninstall


class Steps:
    """Remembers what was told, and may do something at a step."""

    def __init__(self, at="", act=None):
        self.told = []
        self._at, self._act = at, act

    def on_step(self, _host, step):
        self.told.append(step)
        if step == self._at and self._act is not None:
            self._act()

    def on_end(self, ended):
        self.told.append(str(ended.status))


def test_as_root_from_nothing_again_and_away(install, uninstall, said, host, assistant):
    own, server = host("first")
    steps = Steps()
    (row,) = install(server, f"root@{server.destination}", watcher=steps)
    assert (row.status, row.instance_id, row.service) == ("Installed", "first", "background"), row.error_info
    assert steps.told == [
        "connecting", "looking", "shipping", "unpacking", "enrolling", "starting", "waiting", "Installed"
    ]  # fmt: skip
    assert said("first", "hostname; id -un") == "first\nroot"
    assert own.must("stat", "-c", "%a", f"{OPT}/agent.env") == "600\n"
    assert own.must("ls", "/tmp") == "", "what was shipped is gone"
    assert "a-" not in own.must("sh", "-c", f"cat {OPT}/agent.env {OPT}/start"), "no code is kept"
    # The activation of a call lets nobody in when the call has ended.
    assert all(activation.disabled for activation in assistant.describe_activations().all())
    (row,) = install(server, f"root@{server.destination}")
    assert (row.status, row.instance_id) == ("Renewed", "first"), row.error_info
    assert said("first", "echo $PPID") != ""
    row = uninstall(server, f"root@{server.destination}")
    assert (row.status, row.instance_id) == ("Removed", "first"), row.error_info
    assert not own.has(OPT)
    assert own.has("/var/lib/cloudassist/enrolment.json")
    assert not len(assistant.describe_instances(["first"], online=True))
    # It comes back as who it was.
    (row,) = install(server, f"root@{server.destination}")
    assert (row.status, row.instance_id) == ("Installed", "first"), row.error_info
    uninstall(server, f"root@{server.destination}", purge=True)
    assert not own.has("/var/lib/cloudassist")
    assert uninstall(server, f"root@{server.destination}").status == "Removed", "there is nothing left to remove"


def test_several_hosts_at_once_as_an_ordinary_user_and_by_sudo(install, said, host):
    user, one = host("mine")
    machine, two = host("theirs")
    machine.must("sh", "-c", "echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy")
    hosts = [f"mine=deploy@{one.destination}", f"gone={one.address}:1", f"theirs=deploy@{two.destination}"]
    keys = [one.fingerprint, two.fingerprint]
    rows = install(one, *hosts[:2], host_keys=keys, agent_settings={"TAGS": 'note=it\'s "$HOME"'})
    assert [row.status for row in rows] == ["Installed", "Failed"], rows
    assert rows[1].error_code == failure.UNREACHABLE
    (row,) = install(one, hosts[2], host_keys=keys, sudo=True)
    assert row.status == "Installed", row.error_info
    assert said("mine", "id -un; hostname; pwd") == "deploy\nmine\n/home/deploy"
    assert user.must("stat", "-c", "%U", HOME, f"{HOME}/current/bin/python").split() == ["deploy", "deploy"]
    assert not user.has(OPT)
    assert said("theirs", "id -un; hostname") == "root\ntheirs"
    assert machine.has(OPT)


def test_one_machine_by_two_names_gets_one_agent(install, host):
    _, server = host("twice")
    names = [f"root@{server.destination}", f"root@localhost:{server.port}", f"root@{server.destination}"]
    first, second, third = install(server, *names)
    assert sorted(row.status for row in (first, second, third)) == ["Failed", "Failed", "Installed"], (first, second)
    failed = [row for row in (first, second, third) if row.is_failed]
    assert [row.error_code for row in failed] == [failure.NAMED_TWICE] * 2
    assert "named twice in this call" in third.error_info
    assert "the same machine as" in failed[0].error_info


def test_an_installation_that_was_broken_off_is_repaired_by_the_next(install, said, host):
    own, server = host("broken")
    cut = Steps("unpacking", lambda: own.kill("sshd: root@notty"))
    (row,) = install(server, f"root@{server.destination}", watcher=cut)
    assert (row.status, row.error_code) == ("Failed", failure.CONNECTION_LOST), row.error_info
    # What else may be left behind: a release that is not whole, a link that was not switched, a file half written.
    own.must(
        "sh", "-c", f"mkdir -p {OPT}/releases/0.0.1-half; ln -sfn nowhere {OPT}/.current.new; : > {OPT}/.start.new"
    )
    (row,) = install(server, f"root@{server.destination}")
    assert row.status == "Installed", row.error_info
    assert own.must("sh", "-c", f"ls {OPT}/releases | wc -l") == "1\n"
    assert said("broken", "hostname") == "broken"


def test_an_agent_that_lost_files_and_was_killed_is_mended(install, said, host):
    own, server = host("damaged")
    install(server, f"root@{server.destination}")
    own.must("sh", "-c", f"rm -rf {OPT}/current/lib/python3*/site-packages/kombu")
    own.kill("cloudassist_agent")
    steps = Steps()
    (row,) = install(server, f"root@{server.destination}", watcher=steps)
    assert (row.status, row.instance_id) == ("Renewed", "damaged"), row.error_info
    assert "unpacking" in steps.told
    assert said("damaged", "hostname") == "damaged"


def test_an_upgrade_replaces_the_release_and_by_its_instance(install, said, host, assistant):
    own, server = host("old", address())
    install(server, f"root@{server.destination}", agent_settings={"TAGS": "kept=yes"})
    # An older release, as this one will be some day.
    own.must("sh", "-c", f"{OPT}/stop; cd {OPT}; mv releases/* releases/0.0.9-0123456789ab; "
             f"ln -sfn releases/0.0.9-0123456789ab current; rm current/complete")  # fmt: skip
    with_shell = {"ssh_key": server.key, "ssh_port": server.port, "ssh_user": "root", "host_keys": [server.fingerprint]}
    (row,) = assistant.install_cloud_assistant(instance_ids=["old"], **with_shell)
    assert (row.status, row.instance_id) == ("Upgraded", "old"), row.error_info
    assert not own.has(f"{OPT}/releases/0.0.9-0123456789ab")
    assert said("old", "hostname") == "old"
    (instance,) = assistant.describe_instances(["old"])
    assert instance.tags == {"kept": "yes"}, "settings that were kept are kept"


def test_two_installations_of_one_machine_exclude_each_other(install, host):
    own, server = host("busy")
    own.must("mkdir", "-p", OPT)
    own.must("sh", "-c", f"flock {OPT}/lock sleep 60 > /dev/null 2>&1 &")
    (row,) = install(server, f"root@{server.destination}")
    assert (row.status, row.error_code) == ("Failed", failure.BUSY), row.error_info
    assert "another installation is under way" in row.error_info


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A Python that runs wherever it is unpacked: the system's, with nothing but its standard library."""
    library = Path("/usr/lib/python3.11")
    if not library.is_dir():
        pytest.skip(f"there is no {library} to make one of")
    path = tmp_path_factory.mktemp("runtime") / "python.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add("/usr/bin/python3.11", "python/bin/python3")
        archive.add(library, "python/lib/python3.11", filter=lambda each: None if "__pycache__" in each.name else each)
    return path


def test_a_host_without_a_python_gets_one_along(install, uninstall, said, host, runtime, tmp_path):
    own, server = host("bare")
    own.must("sh", "-c", "rm -rf /usr/bin/python3* /usr/local/bin/python3* /usr/lib/python3*")
    useless = tmp_path / "useless.tar.gz"
    with tarfile.open(useless, "w:gz") as archive:
        archive.add(server.known_hosts, "known_hosts")
    (row,) = install(server, f"root@{server.destination}", runtime=useless)
    assert (row.status, row.error_code) == ("Failed", failure.FAILED), row.error_info
    assert "it has no bin/python3" in row.error_info
    steps = Steps()
    (row,) = install(server, f"root@{server.destination}", runtime=runtime, watcher=steps)
    assert row.status == "Installed", row.error_info
    assert "shipping Python" in steps.told
    assert said("bare", "hostname; readlink -f /proc/$PPID/exe").startswith(f"bare\n{OPT}/runtimes/")
    # It is found again, and goes with the agent.
    (row,) = install(server, f"root@{server.destination}")
    assert row.status == "Renewed", row.error_info
    assert uninstall(server, f"root@{server.destination}").status == "Removed"
    assert not own.has(OPT)


def test_where_systemd_runs_its_units_keep_the_agent(install, uninstall, host):
    own, server = host("booted")
    # Here no systemd can run: what is asked of it is noted, and nothing is started.
    own.must("sh", "-c", "mkdir -p /run/systemd/system; rm -f /usr/bin/systemctl; cat > /usr/bin/systemctl",
             given='#!/bin/sh\necho "$@" >> /run/asked\n')  # fmt: skip
    own.must("chmod", "755", "/usr/bin/systemctl")
    (row,) = install(server, f"root@{server.destination}", online_timeout=1)
    assert (row.status, row.error_code) == ("Failed", failure.NOT_ONLINE), row.error_info
    assert own.must("tail", "-n", "1", "/run/asked") == "restart cloudassist.service\n"
    unit = own.must("cat", "/etc/systemd/system/cloudassist.service")
    assert f"ExecStart={OPT}/current/bin/python -m cloudassist_agent run" in unit
    kept = own.must("cat", "/etc/cloudassist/agent.env")
    assert kept == 'CLOUDASSIST_STATE_DIR="/var/lib/cloudassist"\n'
    assert uninstall(server, f"root@{server.destination}").status == "Removed"
    assert "disable --now assist-daemon.service cloudassist.service" in own.must("cat", "/run/asked")
    assert not own.has("/etc/systemd/system/cloudassist.service")
