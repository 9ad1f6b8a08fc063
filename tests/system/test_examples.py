"""The examples of the documentation, on real instances."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import redis

pytestmark = [pytest.mark.system, pytest.mark.timeout(90)]

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
TWO = ("web-1", "web-2")


@pytest.fixture
def example(stack):
    """Run an example as a producer of the shared stack."""

    def run(name, *arguments, text=None, **variables):
        environment = os.environ | stack.environment("producer") | variables
        command = [sys.executable, str(FOLDER / f"{name}.py"), *map(str, arguments)]
        return subprocess.run(
            command, env=environment, input=text, capture_output=True, text=True, timeout=80, check=False
        )

    return run


def test_every_example_is_in_the_list_and_tried_here():
    names = {path.stem for path in FOLDER.glob("*.py")}
    listed = (FOLDER / "README.md").read_text()
    tried = Path(__file__).read_text()
    assert all(f"[{name}.py]({name}.py)" in listed and f'example("{name}"' in tried for name in names)


def test_a_script_that_is_there_already(example, tmp_path):
    (tmp_path / "hello.sh").write_text("#!/bin/sh\necho hello from $0\n")
    done = example("run_script", tmp_path / "hello.sh", *TWO)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("hello from") == 2
    (tmp_path / "hello.sh").write_text("exit 3\n")
    assert example("run_script", tmp_path / "hello.sh", *TWO).returncode == 1


def test_a_script_is_kept_and_run_with_values(example, tmp_path):
    script = tmp_path / "greet.sh"
    script.write_text("echo {{word}} from {{ACS::InstanceId}}\n")
    new, again = (example("keep_script", script, f"word={word}", *TWO) for word in ("hello", "bye"))
    assert (new.returncode, again.returncode) == (0, 0), new.stderr + again.stderr
    assert "is new\nweb-1 ok hello from web-1\n" in new.stdout
    assert again.stdout == new.stdout.replace("is new", "was there").replace("hello", "bye")


def test_patch_and_restart(example, tmp_path):
    restarted = tmp_path / "restarted"
    boot = {"BOOT_ID": f"test ! -e {restarted} || echo another"}
    done = example("patch_and_restart", f"echo patched >> {tmp_path}/patches", f"touch {restarted}", *TWO, **boot)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "patches").read_text() == "patched\n" * 2
    assert sorted(done.stdout.splitlines()[-2:]) == ["back web-1", "back web-2"]
    assert restarted.exists()
    failed = example("patch_and_restart", "exit 1", "touch never", *TWO)
    assert (failed.returncode, "restart" in failed.stdout) == (1, False)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("dpkg-deb") is None, reason="needs root, and Debian's packages")
def test_install_and_remove_software(example, tmp_path):
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: cloudassist-example\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody\nDescription: an example\n"
    )
    root.chmod(0o755)
    (root / "DEBIAN").chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", root, tmp_path / "example.deb"], check=True, capture_output=True)
    done = example("install_software", "install", tmp_path / "example.deb", "web-1")
    assert done.returncode == 0, done.stdout
    assert installed()
    done = example("install_software", "remove", "cloudassist-example", "web-1")
    assert done.returncode == 0, done.stdout
    assert not installed()


def installed():
    shown = subprocess.run(["dpkg", "-s", "cloudassist-example"], capture_output=True, text=True, check=False)
    return "install ok installed" in shown.stdout


def test_deploy_an_application_and_go_back_where_it_does_not_work(example, tmp_path):
    for version in ("1", "2"):
        (tmp_path / "version").write_text(version)
        with tarfile.open(tmp_path / f"{version}.tar.gz", "w:gz") as archive:
            archive.add(tmp_path / "version", "version")
    folder = tmp_path / "app"
    first = example("deploy_application", tmp_path / "1.tar.gz", "v1", folder, "test -s current/version", "web-1")
    assert (first.returncode, "v1 is current" in first.stdout) == (0, True), first.stdout
    second = example("deploy_application", tmp_path / "2.tar.gz", "v2", folder, "grep -q 3 current/version", *TWO)
    assert (second.returncode, "current is v1" in second.stdout, "web-2" in second.stdout) == (1, True, False)
    assert (folder / "current" / "version").read_text() == "1"


def test_watch_processes(example):
    done = example("watch_processes", "cloudassist_agent", "1", "web-1")
    assert done.returncode == 0, done.stderr
    assert "web-1" in done.stdout
    assert "cloudassist_agent run" in done.stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_fetch_a_repository(example, tmp_path):
    origin = tmp_path / "origin"
    for words in (
        ["init", "-q", "-b", "main", origin],
        ["-C", origin, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first"],
    ):
        subprocess.run(["git", *words], check=True)
    head = subprocess.run(["git", "-C", origin, "rev-parse", "main"], capture_output=True, text=True, check=True).stdout
    done = example("fetch_repository", origin, "main", tmp_path / "copy", "web-1")
    assert (done.returncode, head.strip() in done.stdout) == (0, True), done.stdout
    assert example("fetch_repository", origin, "none-such", tmp_path / "copy", "web-1").returncode == 1


def test_a_password_is_changed_and_seen_nowhere(example, stack, tmp_path):
    secret = "S3CRET-of-the-example"
    done = example("change_password", "deploy", *TWO, text=f"{secret}\n", CHANGE_PASSWORD=f"cat >> {tmp_path}/got")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "got").read_text() == f"deploy:{secret}\n" * 2
    assert secret not in done.stdout
    with redis.Redis.from_url(stack.url) as server:
        for name in server.scan_iter("invocation:*"):
            assert secret.encode() not in b"".join(server.hgetall(name).values())


def test_host_names_are_changed(example, tmp_path):
    pairs = [f"{name}=new-{name}" for name in TWO]
    done = example("change_host_name", *pairs, CHANGE_HOST_NAME=f"echo >> {tmp_path}/names")
    assert done.returncode == 0, done.stdout
    assert sorted((tmp_path / "names").read_text().split()) == ["new-web-1", "new-web-2"]
