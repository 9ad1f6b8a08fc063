"""OpenSSH's server on a port of its own, which lets in one key; here, or on a machine of a test's own."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloudassist.embedded import free_port
from support.namespaces import Machine
from support.waiting import wait_until

PROGRAM = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_sshd = pytest.mark.skipif(PROGRAM is None, reason="sshd is not installed; Debian's package is openssh-server")

_CONFIGURATION = """
Port {port}
{addresses}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
"""


@dataclass(frozen=True)
class Sshd:
    """Where it is, the key that it lets in, and the file by which its own is known."""

    address: str
    port: int
    key: Path
    known_hosts: Path
    fingerprint: str

    @property
    def destination(self) -> str:
        return f"{self.address}:{self.port}"


def new_key(path: Path) -> str:
    """Make a key; return its public half."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    return path.with_suffix(".pub").read_text()


def fingerprint_of(path: Path) -> str:
    """Return the fingerprint of a key."""
    return subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout.split()[1]


@contextlib.contextmanager
def sshd(
    folder: Path,
    key: Path,
    *,
    machine: Machine | None = None,
    addresses: Sequence[str] = ("127.0.0.1",),
    port: int = 0,
) -> Iterator[Sshd]:
    """Run one that lets in a key that there is; on a machine of its own it has that machine's users and files.

    It listens at all the addresses, and is known by the first.
    """
    address = addresses[0]
    # A machine has no /tmp in common with this one.
    inside = folder if machine is None else Path("/etc/sshd-of-test")
    outside = inside if machine is None else Path(f"/proc/{machine.pid}/root{inside}")
    for place in (folder, outside):
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o755)
    port = port or free_port()
    listening = "\n".join(f"ListenAddress {each}" for each in addresses)
    host = new_key(outside / "host")
    shutil.copy(key.with_suffix(".pub"), outside / "authorized")
    (outside / "sshd.conf").write_text(_CONFIGURATION.format(port=port, folder=inside, addresses=listening))
    known = folder / "known_hosts"
    known.write_text(f"{f'[{address}]:{port}' if port != 22 else address} {host}")
    program = [str(PROGRAM), "-D", "-e", "-f", str(inside / "sshd.conf")]
    if machine is not None:
        machine.must("mkdir", "-p", "/run/sshd")
    elif os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "sshd.log").open("w") as log:
        command: Sequence[str] = program if machine is None else machine.inside(*program)
        process = subprocess.Popen(command, stderr=log, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    try:
        wait_until(lambda: "Server listening" in (folder / "sshd.log").read_text(), "sshd to listen", 10)
        yield Sshd(address, port, key, known, fingerprint_of(outside / "host"))
    finally:
        process.terminate()
        process.wait(10)
