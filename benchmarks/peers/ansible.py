"""Ansible: its command line for one task on all hosts, over connections that stay open."""

import contextlib
import getpass
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.environment import environment
from benchmarks.peers.sshd import Server

_CONFIGURATION = """
[defaults]
host_key_checking = False
interpreter_python = {python}
local_tmp = {folder}/local
remote_tmp = {folder}/remote
[ssh_connection]
pipelining = True
control_path_dir = {folder}/c
ssh_args = -o ControlMaster=auto -o ControlPersist=60s
"""


@contextlib.contextmanager
def hosts(server: Server, folder: Path, count: int) -> Iterator[Callable[[str], int]]:
    """Name so many hosts, all of which are one server; yield what runs a script on them."""
    programs = environment("ansible-core", "ansible-core")
    lines = [
        f"host-{number} ansible_host=127.0.0.1 ansible_port={server.port} ansible_user={getpass.getuser()}"
        f" ansible_ssh_private_key_file={server.key}"
        for number in range(count)
    ]
    (folder / "hosts").write_text("\n".join(lines) + "\n")
    (folder / "ansible.cfg").write_text(_CONFIGURATION.format(python=programs / "python", folder=folder))
    path = f"{programs}:{os.environ['PATH']}"
    settings = os.environ | {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "PATH": path}

    def run(script: str) -> int:
        command = [programs / "ansible", "all", "-i", folder / "hosts", "-f", str(count), "-m", "shell", "-a", script]
        done = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.split().count("hello")

    try:
        yield run
    finally:
        for socket in (folder / "c").iterdir():
            end = ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "127.0.0.1"]
            subprocess.run(end, stderr=subprocess.DEVNULL, check=False)
