"""OpenSSH's server on a port of its own, which lets in one key."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudassist.embedded import free_port

_PRIVILEGE_SEPARATION = Path("/run/sshd")
_CONFIGURATION = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PasswordAuthentication no
StrictModes no
UsePAM no
MaxStartups 200
MaxSessions 200
PidFile none
SetEnv HOME={folder}
"""


@dataclass(frozen=True)
class Server:
    """Where it is, and the file of the key that it lets in."""

    port: int
    key: Path


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Run it; raises FileNotFoundError where it is not installed."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise FileNotFoundError("sshd is not installed; Debian's package is openssh-server")
    for name in ("host", "client"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    port = free_port()
    (folder / "sshd.conf").write_text(_CONFIGURATION.format(port=port, folder=folder))
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    with (folder / "sshd.log").open("w") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", folder / "sshd.conf"], stderr=log)
    try:
        _wait(port)
        yield Server(port, folder / "client")
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
