"""Hosts that cannot be served: each says why in words of its own, and none stops the others."""

import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from cloudassist.embedded import free_port
from cloudassist.installing import failure
from support.disks import fill, needs_mount, small_disk
from support.sshd import fingerprint_of, needs_sshd, new_key, sshd

pytestmark = [pytest.mark.system, pytest.mark.timeout(60), needs_sshd]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The key that is let in, and one that is not."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        new_key(folder / name)
    return folder


@pytest.fixture(scope="module")
def host(keys, tmp_path_factory):
    """A host that could be served."""
    with sshd(tmp_path_factory.mktemp("host"), keys / "mine") as host:
        yield host


@pytest.fixture
def install(near, host, tmp_path):
    """Install on hosts; whatever comes is looked at below."""

    def install(*hosts, **given):
        own = {"ssh_key": host.key, "known_hosts": host.known_hosts, "prefix": str(tmp_path / "agent")}
        with near.assistant() as assistant:
            return assistant.install_cloud_assistant(hosts, **(own | given))

    return install


def refused(rows, code):
    (row,) = rows
    assert (row.status, row.error_code) == ("Failed", code), row.error_info
    return row.error_info


def test_a_host_key_that_is_not_known(install, host, tmp_path):
    (tmp_path / "empty").touch()
    told = refused(install(host.destination, known_hosts=tmp_path / "empty"), failure.HOST_KEY_UNKNOWN)
    assert host.fingerprint in told
    assert f"--host-key {host.fingerprint}" in told


def test_a_host_key_that_has_changed(install, host, tmp_path):
    known = tmp_path / "known"
    known.write_text(f"[{host.address}]:{host.port} {new_key(tmp_path / 'another')}")
    told = refused(install(host.destination, known_hosts=known), failure.HOST_KEY_CHANGED)
    assert host.fingerprint in told
    assert f"ssh-keygen -R '[{host.address}]:{host.port}'" in told
    # A fingerprint that somebody has compared counts all the same.
    others = fingerprint_of(tmp_path / "another")
    refused(install(host.destination, known_hosts=known, host_keys=[others]), failure.HOST_KEY_CHANGED)


def test_a_user_and_a_key_that_are_not_let_in(install, host, keys):
    assert "nobody-here is not let in" in refused(install(f"nobody-here@{host.destination}"), failure.LOGIN_REFUSED)
    refused(install(host.destination, ssh_key=keys / "other"), failure.LOGIN_REFUSED)
    missing = refused(install(host.destination, ssh_key=keys / "missing"), failure.LOGIN_REFUSED)
    assert "the key cannot be used" in missing


def test_a_host_that_is_not_there(install):
    assert "cannot be reached" in refused(install(f"127.0.0.1:{free_port()}"), failure.UNREACHABLE)
    assert "cannot be found" in refused(install("no-such-host.invalid"), failure.HOST_NOT_FOUND)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.close()
        refused(install(f"127.0.0.1:{mute.getsockname()[1] if mute.fileno() >= 0 else free_port()}"), failure.UNREACHABLE)


def test_one_that_is_no_ssh_server(install):
    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = __import__("threading").Thread(target=lambda: other.accept()[0].sendall(b"HTTP/1.1 400\r\n\r\n"))
        thread.start()
        refused(install(f"127.0.0.1:{other.getsockname()[1]}"), failure.UNREACHABLE)
        thread.join(10)


def test_the_same_host_twice_by_one_name_and_by_two(install, host, tmp_path):
    first, second = install(host.destination, host.destination, python="/no/python")
    assert first.error_code == failure.NO_PYTHON
    assert second.error_code == failure.NAMED_TWICE
    assert "named twice" in second.error_info
