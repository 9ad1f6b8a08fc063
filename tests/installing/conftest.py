"""A region that lets machines in, keys for SSH, and machines with a server of it."""

import contextlib

import pytest

from cloudassist import LocalStack
from support.namespaces import machine
from support.sshd import new_key, sshd


@pytest.fixture(scope="session")
def region():
    """A region without instances."""
    with LocalStack(instances=[], enrol=True) as stack:
        yield stack


@pytest.fixture(scope="session")
def assistant(region):
    with region.assistant() as assistant:
        yield assistant


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """The key that is let in, and one that is not."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        new_key(folder / name)
    return folder


@pytest.fixture
def host(tmp_path, keys):
    """Have a machine that can be logged in on, as root and as the ordinary user deploy."""
    with contextlib.ExitStack() as opened:

        def host(name, *addresses):
            own = opened.enter_context(machine(tmp_path / "machines" / name, name))
            # Nothing of whoever tests: neither files nor what a shell of root reads.
            own.must("mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", "/root")
            own.must("useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", "deploy")
            server = opened.enter_context(
                sshd(tmp_path / "sshd" / name, keys / "mine", machine=own, addresses=("127.0.0.1", *addresses))
            )
            return own, server

        for folder in (tmp_path, tmp_path / "sshd"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        yield host


@pytest.fixture
def install(assistant):
    """Install on hosts whose server is given."""

    def install(server, *hosts, **given):
        own = {"ssh_key": server.key, "host_keys": [server.fingerprint], "known_hosts": server.known_hosts}
        return assistant.install_cloud_assistant(hosts, **(own | given))

    return install
