"""compose.yaml: every service's very command, run natively with the environment that compose gives it."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import redis
import yaml

from cloudassist import Assistant, InvokeStatus
from cloudassist.embedded import free_port, server_binary
from cloudassist.settings import Settings, read
from support.closing import denials
from support.servers import answers
from support.waiting import wait_until

pytestmark = pytest.mark.system

FOLDER = Path(__file__).parents[2] / "compose"
SERVICES = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
BIN = Path(sys.executable).parent
AGENTS = ["agent-1", "agent-2", "agent-3"]


class Native:
    """Runs services without containers: each has a folder of its own for a root, with links where volumes are."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.flower_port = free_port()
        self.processes = {}

    def root(self, name):
        """Return the root of a service, with its volumes in their places."""
        root = self.folder / name
        if not root.exists():
            for volume in SERVICES[name].get("volumes", []):
                source, place, *_ = volume.split(":")
                link = root / place.lstrip("/")
                link.parent.mkdir(parents=True, exist_ok=True)
                target = FOLDER / source if source.startswith(".") else self.folder / "volumes" / source
                if target != FOLDER / source:
                    target.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target)
        return root

    def translated(self, name, text):
        text = text.replace("server:6379", f"127.0.0.1:{self.port}").replace("0.0.0.0", "127.0.0.1")
        text = text.replace("--port=5555", f"--port={self.flower_port}")
        text = text.replace("$$", "$")  # as compose escapes it
        for path in ("/keys", "/var/lib/cloudassist", "/etc/cloudassist"):
            text = text.replace(path, f"{self.root(name)}{path}")
        return text

    def environment(self, name):
        own = {key: self.translated(name, value) for key, value in SERVICES[name].get("environment", {}).items()}
        state = {"CLOUDASSIST_STATE_DIR": f"{self.folder}/none"} | own
        return {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **state}

    def command(self, name):
        words = SERVICES[name].get("entrypoint", []) + SERVICES[name]["command"]
        return [self.translated(name, word) for word in words]

    def start(self, name):
        self.run(name, self.command(name), self.environment(name))

    def start_server(self):
        program, *words = self.command("server")
        assert program == "valkey-server"
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", f"{self.folder}/server/data"]
        self.run("server", [server_binary(), *words, *own], dict(os.environ))

    def run(self, label, command, environment):
        with (self.folder / f"{label}.log").open("w") as log:
            self.processes[label] = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def call(self, name, *arguments):
        """Run a service that ends, with other arguments; return what it prints."""
        command = [*SERVICES[name]["entrypoint"], *arguments]
        done = subprocess.run(command, env=self.environment(name), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(20) for name, process in self.processes.items()}


@pytest.fixture
def native(tmp_path):
    native = Native(tmp_path)
    yield native
    for process in native.processes.values():
        if process.poll() is None:
            process.kill()
            process.wait(10)


def test_the_services_work_together(native, tmp_path):
    native.start("keys")
    assert native.processes.pop("keys").wait(20) == 0, (tmp_path / "keys.log").read_text()
    native.start_server()
    with redis.Redis(port=native.port, username="admin", password=password(tmp_path, "admin")) as server:
        wait_until(lambda: answers(server), "the server to answer")
        assert server.config_get("appendfsync")["appendfsync"] == "always"
        assert server.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    with redis.Redis(port=native.port) as nobody, pytest.raises(redis.AuthenticationError):
        nobody.ping()
    for name in ("control", "dispatch", "beat", "enrol", "flower", *AGENTS):
        native.start(name)
    settings = read(Settings, native.environment("cli"))
    with Assistant(settings=settings) as assistant:
        wait_until(lambda: [found.online for found in assistant.describe_instances()] == [True] * 3, "the agents")
        invocation = assistant.run_command("echo composed", instance_ids=AGENTS)
        assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
        assert {result.output for result in invocation.results()} == {"composed\n"}
    assert "agent-1" in native.call("cli", "instances")
    assert "activation code  a-" in native.call("cli", "activation", "create")
    nobody_looks_at_flower_without_the_login(native, tmp_path)
    assert all(process.poll() is None for process in native.processes.values())
    with redis.Redis(port=native.port, username="admin", password=password(tmp_path, "admin")) as server:
        assert denials(server) == []
    assert set(native.stop().values()) <= {0, -signal.SIGTERM}


def nobody_looks_at_flower_without_the_login(native, folder):
    url = f"http://127.0.0.1:{native.flower_port}"
    for page in ("/workers", "/tasks", "/broker", "/api/workers", "/api/tasks"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url + page, timeout=10)
    login = folder / "volumes" / "login" / "login"
    assert login.stat().st_mode & 0o077 == 0
    basic = base64.b64encode(login.read_bytes().strip()).decode()
    request = urllib.request.Request(f"{url}/workers?json=1", headers={"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        shown = {row["hostname"] for row in json.load(answer)["data"] if row["status"]}
    assert {f"agent@{name}" for name in AGENTS} <= shown


def password(folder, user):
    return (folder / "volumes" / user / "password").read_text().strip()


def test_each_role_has_only_what_it_needs():
    """Keys and passwords: each on a volume of its own, mounted by those who use it."""
    holders = {"root": {"keys"}, "report": {"keys", "control"}, "signing": {"keys", "dispatch", "cli"}}
    holders |= {
        "trust": {"keys", "control", "dispatch", "cli", *AGENTS},
        "users": {"keys", "server"},
        "data": {"server"},
    }
    holders |= {name: {"keys", name} for name in ("control", "dispatch", "beat", "enrol", "flower", *AGENTS)}
    holders |= {"producer": {"keys", "cli"}, "admin": {"keys"}, "login": {"keys", "flower"}}
    mounted = {}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            mounted.setdefault(volume.split(":")[0], set()).add(name)
    del mounted["./valkey.conf"]
    assert mounted == holders
    assert all(volume.endswith(":ro") for name in SERVICES for volume in SERVICES[name].get("volumes", [])
               if name not in {"keys", "server"})  # fmt: skip


def test_nothing_but_flower_is_published_and_only_to_this_machine():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"flower": ["127.0.0.1:5555:5555"]}


def test_the_image_is_built_from_files_that_exist():
    for line in (FOLDER / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (FOLDER.parent / source).exists(), source
    assert "http" not in (FOLDER / "requirements.lock").read_text()


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker client on this machine")
def test_docker_compose_accepts_the_file():
    command = ["docker", "compose", "-f", str(FOLDER / "compose.yaml"), "config", "--quiet"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if "is not a docker command" in found.stderr or "unknown" in found.stderr:
        pytest.skip("the docker client has no compose plugin")
    assert found.returncode == 0, found.stderr
