"""Hosts that cannot be served: each says why in words of its own, and none stops the others."""

import asyncio
import socket
import threading

import pytest

from cloudassist import AsyncAssistant
from cloudassist.embedded import free_port
from cloudassist.errors import InvalidParameterError
from cloudassist.installing import failure
from support.namespaces import needs_root
from support.sshd import fingerprint_of, needs_sshd, new_key

pytestmark = [pytest.mark.system, pytest.mark.timeout(120), needs_sshd, needs_root]


@pytest.fixture
def refused(install):
    """Install on one host, which must fail with a code; return what is told."""

    def refused(code, server, *hosts, **given):
        (row,) = install(server, *hosts, **given)
        assert (row.status, row.error_code) == ("Failed", code), row.error_info
        assert "Traceback" not in row.error_info
        return row.error_info

    return refused


def test_a_host_key_that_is_not_known_or_has_changed(refused, host, tmp_path):
    _, server = host("strange")
    known = tmp_path / "known"
    known.touch()
    told = refused(failure.HOST_KEY_UNKNOWN, server, server.destination, known_hosts=known, host_keys=[])
    assert server.fingerprint in told
    assert f"--host-key {server.fingerprint}" in told
    known.write_text(f"[{server.address}]:{server.port} {new_key(tmp_path / 'another')}")
    told = refused(failure.HOST_KEY_CHANGED, server, server.destination, known_hosts=known, host_keys=[])
    assert server.fingerprint in told
    assert f"ssh-keygen -R '[{server.address}]:{server.port}'" in told
    # The fingerprint of another key makes it no better.
    other = [fingerprint_of(tmp_path / "another")]
    refused(failure.HOST_KEY_CHANGED, server, server.destination, known_hosts=known, host_keys=other)


def test_a_user_and_a_key_that_are_not_let_in(refused, host, keys):
    _, server = host("closed")
    told = refused(failure.LOGIN_REFUSED, server, f"nobody-here@{server.destination}")
    assert "nobody-here is not let in" in told
    refused(failure.LOGIN_REFUSED, server, f"root@{server.destination}", ssh_key=keys / "other")
    told = refused(failure.LOGIN_REFUSED, server, f"root@{server.destination}", ssh_key=keys / "missing")
    assert "the key cannot be used" in told


def test_a_host_that_is_not_there(refused, host):
    _, server = host("other")
    assert "cannot be reached" in refused(failure.UNREACHABLE, server, f"127.0.0.1:{free_port()}")
    assert "cannot be found" in refused(failure.HOST_NOT_FOUND, server, "no-such-host.invalid")


def test_one_that_is_no_ssh_server(refused, host):
    _, server = host("other")

    def answer():
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        refused(failure.UNREACHABLE, server, f"127.0.0.1:{listening.getsockname()[1]}")
        thread.join(10)


def test_no_python(refused, host):
    own, server = host("pythonless")
    own.must("sh", "-c", "rm -f /usr/bin/python3* /usr/local/bin/python3*")
    told = refused(failure.NO_PYTHON, server, f"root@{server.destination}")
    assert "Python 3.11 or newer is needed, and none was found" in told
    assert "--python" in told


def test_a_system_that_cannot_be_served(refused, host):
    own, server = host("alpine")
    own.must("sh", "-c", "printf 'ID=alpine\\nVERSION_ID=3.20\\nPRETTY_NAME=\"Alpine 3.20\"\\n' > /usr/lib/os-release")
    told = refused(failure.SYSTEM_NOT_SUPPORTED, server, f"root@{server.destination}")
    assert "Alpine 3.20 cannot be served" in told
    assert "Debian 8" in told


def test_no_space_for_the_installation_and_none_for_the_file(refused, host):
    own, server = host("full")
    own.must("mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", "/opt")
    told = refused(failure.NO_SPACE, server, f"root@{server.destination}")
    assert "/opt/cloudassist has 20 MiB left" in told
    own.must("umount", "/opt")
    own.must("mount", "-o", "remount,size=1m", "/tmp")
    told = refused(failure.NO_SPACE, server, f"root@{server.destination}")
    assert "No space left on device" in told
    assert own.must("ls", "/tmp") == "", "what was shipped in part is gone"


def test_no_sudo(refused, host):
    own, server = host("sudoless")
    if own.has("/usr/bin/sudo"):
        told = refused(failure.NO_SUDO, server, f"deploy@{server.destination}", sudo=True)
        assert "may not become root by sudo without a password" in told
        own.must("rm", "/usr/bin/sudo")
    assert "not installed" in refused(failure.NO_SUDO, server, f"deploy@{server.destination}", sudo=True)


def test_a_folder_that_may_not_be_written(refused, host):
    _, server = host("closed")
    told = refused(failure.FAILED, server, f"deploy@{server.destination}", prefix="/opt/cloudassist")
    assert "deploy may not write /opt/cloudassist" in told
    assert "--sudo" in told


def test_a_server_that_cannot_be_reached_from_there(refused, host):
    own, server = host("lonely")
    told = refused(
        failure.SERVER_UNREACHABLE, server, f"root@{server.destination}", url=f"redis://127.0.0.1:{free_port()}/0"
    )
    assert "cannot be enrolled now" in told
    assert not own.has("/opt/cloudassist/current"), "what is not enrolled does not run"


def test_no_shell_at_all(refused, host):
    own, server = host("shellless")
    own.must("usermod", "--shell", "/usr/sbin/nologin", "deploy")
    refused(failure.NO_SHELL, server, f"deploy@{server.destination}")


def test_the_face_for_asyncio_tells_the_same(region):
    async def tell():
        async with AsyncAssistant(settings=region.settings) as assistant:
            rows = await assistant.install_cloud_assistant(["a=127.0.0.1:1", "b=127.0.0.1:2"])
            return rows + await assistant.uninstall_cloud_assistant(["127.0.0.1:1"])

    assert [row.error_code for row in asyncio.run(tell())] == [failure.UNREACHABLE] * 3


@pytest.mark.parametrize("named", ["", "a b", "user@", "host:0", "host:70000", "-oProxyCommand=x", "/=host", 7])
def test_what_is_no_host_is_refused_before_anything_is_done(assistant, named):
    with pytest.raises(InvalidParameterError):
        assistant.install_cloud_assistant([named])


def test_neither_a_host_nor_an_instance_is_refused(assistant):
    with pytest.raises(InvalidParameterError):
        assistant.install_cloud_assistant()
    with pytest.raises(InvalidParameterError, match="no address is known of nobody"):
        assistant.install_cloud_assistant(instance_ids=["nobody"])
