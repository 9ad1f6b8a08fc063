"""docs/install.md, typed line by line on machines that have nothing, each with a network of its own."""

import contextlib
import re
import subprocess
from pathlib import Path

import pytest

from cloudassist.installing import failure
from support.namespaces import machine, needs_root
from support.networks import connect
from support.sshd import PROGRAM, needs_sshd
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(420), needs_sshd, needs_root]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
CONTROL = "10.77.0.1"
HOSTS = {f"web-{number}": f"10.77.0.1{number}" for number in range(1, 5)}
LINE = re.compile(r"(control|web-\d)[$#] (.*)")
STAYS = "make up"


class Place:
    """A machine where lines are typed, one after another: what one exports holds for the next ones."""

    def __init__(self, machine, folder):
        self.machine = machine
        self._folder = folder
        self._exported = ""
        self._stays = None

    def type(self, line):
        """Type a line that must end well; return what is shown."""
        if line.startswith(STAYS):
            return self._stay(line)
        done = self.machine.run("sh", "-c", f"cd {self._folder}\n{self._exported}{line}")
        shown = done.stdout + done.stderr
        assert done.returncode == 0, f"{self.machine.name}: {line}\n{shown}"
        if line.startswith((". ", "export ")):
            self._exported += f"{line}\n"
        return shown

    def _stay(self, line):
        command = self.machine.inside("sh", "-c", f"cd {self._folder}; exec {line}")
        self._stays = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for shown in self._stays.stdout:
            if "Ctrl-C" in shown:
                return shown
        raise AssertionError(f"{line} has ended with {self._stays.wait()}")

    def close(self):
        """End what stays."""
        if self._stays is not None:
            self.machine.kill("cloudassist.up")
            self._stays.wait(20)
            self._stays.stdout.close()


@pytest.fixture
def places(tmp_path):
    """The machine that controls, which has this repository, and four that have a server of SSH and a Python."""
    with contextlib.ExitStack() as opened:
        machines = {
            name: opened.enter_context(machine(tmp_path / name, name, own_network=True)) for name in ("control", *HOSTS)
        }
        control = machines["control"]
        connect(control, CONTROL, {address: machines[name] for name, address in HOSTS.items()})
        control.must("sh", "-c", "mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
        control.must("sh", "-c", "echo 'StrictHostKeyChecking accept-new' > /root/.ssh/config")
        public = control.must("cat", "/root/.ssh/id_ed25519.pub")
        for name in HOSTS:
            furnish(machines[name], public)
            opened.callback(serve(machines[name]).wait, 10)
            opened.callback(machines[name].kill, "sshd: /usr/sbin/sshd")
        folders = dict.fromkeys(HOSTS, "/root") | {"control": ROOT}
        places = {name: Place(each, folders[name]) for name, each in machines.items()}
        opened.callback(places["control"].close)
        yield places


def furnish(own, public):
    """Give a machine what an empty host has: keys, a user, and nothing of this repository nor of whoever tests."""
    for hidden in ("/root", str(ROOT)):
        own.must("mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", hidden)
    own.must("useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", "deploy")
    own.must("sh", "-c", "mkdir -p /etc/sudoers.d; echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy")
    for home, user in (("/root", "root"), ("/home/deploy", "deploy")):
        own.must("sh", "-c", f"mkdir -p {home}/.ssh; cat > {home}/.ssh/authorized_keys", given=public)
        own.must("chown", "-R", f"{user}:", f"{home}/.ssh")
        own.must("chmod", "-R", "go=", f"{home}/.ssh")
    own.must("ssh-keygen", "-A")
    own.must("mkdir", "-p", "/run/sshd")


def serve(own):
    """Start the machine's server of SSH, as its distribution sets it up."""
    log = own.folder.with_name(f"{own.name}.sshd.log")
    with log.open("w") as file:
        process = subprocess.Popen(own.inside(str(PROGRAM), "-D", "-e"), stderr=file)
    wait_until(lambda: "Server listening" in log.read_text(), "sshd to listen", 10)
    return process


def test_each_line_does_what_the_page_says(places):
    shown, codes = "", ""
    for kind, block in re.findall(r"```(console|text)\n(.*?)```", PAGE, re.DOTALL):
        if kind == "text":
            for line in block.splitlines():
                parts = [re.escape(part) for part in re.split(r"…| {2,}", line)]
                assert re.search(r"[^\n]*".join(parts), shown), f"{line!r} is not in:\n{shown}"
            continue
        for place, line in LINE.findall(block):
            shown = places[place].type(filled(line, codes))
            if "activation create" in line:
                codes = shown
    assert "web-3" in shown, "the last result is one of a host without SSH"


def filled(line, codes):
    """Return a line with the id and the code of the activation, where it leaves them open."""
    if "…" not in line:
        return line
    for name in ("id", "code"):
        value = re.search(rf"activation {name}\s+(\S+)", codes).group(1)
        line = line.replace("…", value, 1)
    return line


def test_every_code_on_the_page_is_one():
    known = {value for name, value in vars(failure).items() if name.isupper()}
    told = set(re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+)`", PAGE.partition("## When a host fails")[2]))
    assert told == known
    on_host = Path(failure.__file__).parent / "on_host"
    texts = "".join(path.read_text() for path in on_host.glob("*.py"))
    assert set(re.findall(r'(?:Failure\(|else |: )\s*"([A-Z][a-z]+[A-Z]\w+)"', texts)) <= known
