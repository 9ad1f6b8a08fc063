"""Machines of a test's own, as far as the kernel can play them: files, processes, a name and a network for each.

The files are this machine's, with a layer over them that is in memory and gone afterwards; so whatever is installed,
written or broken there is nobody else's. Only root can have them.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.waiting import wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can have machines of its own")

_SET_UP = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
rm -rf etc/ssh/ssh_host_* opt/cloudassist var/lib/cloudassist etc/cloudassist
hostname "$2" 2>/dev/null || true
echo "127.0.1.1 $2" >> etc/hosts
printf '%s' "$2" | md5sum | cut -c 1-32 > etc/machine-id
echo ready > run/ready
exec chroot . sh -c 'trap : TERM; while :; do sleep 3600 & wait $!; done'
"""
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


@dataclass
class Machine:
    """One of them: its name, its files as this machine sees them, and the process that keeps it."""

    name: str
    folder: Path
    pid: int

    def run(self, *command: str, given: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as root there; it need not end well."""
        return subprocess.run(
            self.inside(*command), input=given, env={**_ENVIRONMENT, **environment}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    def must(self, *command: str, given: str = "", **environment: str) -> str:
        """Run a command that must end well; return what it writes."""
        ended = self.run(*command, given=given, **environment)
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
        return ended.stdout

    def inside(self, *command: str) -> Sequence[str]:
        """Return the command line that runs one there."""
        return [
            "nsenter",
            f"--target={self.pid}",
            "--all",
            f"--root=/proc/{self.pid}/root",
            f"--wd=/proc/{self.pid}/root",
            "--",
            *command,
        ]

    def kill(self, text: str) -> None:
        """Kill the processes of this machine whose command line has a text in it."""
        rows = [row.split(maxsplit=1) for row in self.must("ps", "-eo", "pid=,args=").splitlines()]
        found = [pid for pid, arguments in rows if text in arguments]
        assert found, f"nothing like {text!r} runs on {self.name}"
        self.must("kill", "-KILL", *found)

    def has(self, path: str) -> bool:
        """Tell whether there is such a file."""
        return self.run("test", "-e", path).returncode == 0


@contextlib.contextmanager
def machine(folder: Path, name: str, *, own_network: bool = False) -> Iterator[Machine]:
    """Have one; skips the test where the kernel does not let it."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = ["--mount", "--pid", "--uts", *(["--net"] if own_network else [])]
    command = ["unshare", *kinds, "--fork", "--kill-child", "sh", "-c", _SET_UP, "sh", str(folder), name]
    errors = folder.with_name(f"{folder.name}.err")
    with errors.open("w") as file:
        holder = subprocess.Popen(command, stderr=file)
    try:
        inside = wait_until(lambda: _inside(holder), f"the machine {name}", 10)
        if inside < 0:
            pytest.skip(f"no machine can be played here: {errors.read_text()}")
        yield Machine(name, folder, inside)
    finally:
        holder.send_signal(signal.SIGKILL)  # the kernel ends whatever runs in it
        holder.wait(10)


def _inside(holder: "subprocess.Popen[bytes]") -> int:
    """Return the process that is the machine's first one, once it is set up; -1 where it could not be."""
    if holder.poll() is not None:
        return -1
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
    if not children or not Path(f"/proc/{children[0]}/root/run/ready").exists():
        return 0
    return int(children[0]) if Path(f"/proc/{children[0]}/root").readlink() != Path("/") else 0
