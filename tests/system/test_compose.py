"""compose.yaml: every service's very command, run natively with the environment that compose gives it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
import yaml

from cloudassist import Assistant, InvokeStatus
from cloudassist.local import free_port, server_binary
from cloudassist.settings import Settings, read
from support.servers import answers
from support.waiting import wait_until

pytestmark = pytest.mark.system

FOLDER = Path(__file__).parents[2] / "compose"
SERVICES = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
BIN = Path(sys.executable).parent


class Native:
    """Runs services without containers: paths and host names of the file are put into a folder of the test."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.flower_port = free_port()
        self.processes = {}

    def translated(self, text):
        text = text.replace("server:6379", f"127.0.0.1:{self.port}").replace(
            "--port=5555", f"--port={self.flower_port}"
        )
        for path in ("/keys", "/var/lib/cloudassist"):
            text = text.replace(path, f"{self.folder}{path}")
        return text.replace("0.0.0.0", "127.0.0.1")

    def environment(self, name, **extra):
        own = {key: self.translated(value) for key, value in SERVICES[name].get("environment", {}).items()}
        state = {} if "CLOUDASSIST_STATE_DIR" in own else {"CLOUDASSIST_STATE_DIR": f"{self.folder}/none"}
        return {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **state, **own, **extra}

    def command(self, name):
        return [self.translated(word) for word in SERVICES[name]["command"]]

    def start(self, name, label="", **extra):
        self.run(label or name, self.command(name), self.environment(name, **extra))

    def start_server(self):
        program, configuration = SERVICES["server"]["command"]
        assert program == "valkey-server"
        mounted = next(volume for volume in SERVICES["server"]["volumes"] if volume.split(":")[1] == configuration)
        file = FOLDER / mounted.split(":")[0]
        (self.folder / "data").mkdir()
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder / "data")]
        self.run("server", [server_binary(), str(file), *own], dict(os.environ))

    def run(self, label, command, environment):
        with (self.folder / f"{label}.log").open("w") as log:
            self.processes[label] = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )

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
    for name in ("root", "signing", "report", "trust"):
        (tmp_path / "keys" / name).mkdir(parents=True)
    native.start_server()
    with redis.Redis(port=native.port) as server:
        wait_until(lambda: answers(server), "the server to answer")
        assert server.config_get("appendfsync")["appendfsync"] == "always"
        assert server.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    native.start("keys")
    assert native.processes.pop("keys").wait(20) == 0
    for name in ("control", "dispatch", "beat", "flower"):
        native.start(name)
    for host in ("host-1", "host-2"):
        # In a container the host's name is the instance's; here it has to be said.
        native.start("agent", label=host, CLOUDASSIST_INSTANCE_ID=host)
    settings = read(Settings, native.environment("dispatch"))
    with Assistant(settings=settings) as assistant:
        wait_until(lambda: [found.online for found in assistant.describe_instances()] == [True, True], "the agents")
        invocation = assistant.run_command("echo composed", instance_ids=["host-1", "host-2"])
        assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
        assert {result.output for result in invocation.results()} == {"composed\n"}
    assert all(process.poll() is None for process in native.processes.values())
    assert set(native.stop().values()) <= {0, -signal.SIGTERM}


def test_each_role_has_only_the_key_that_it_needs():
    for name, service in SERVICES.items():
        mounted = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert ("root" in mounted) == (name == "keys")
        assert ("signing" in mounted) == (name in {"keys", "dispatch"})
        assert ("report" in mounted) == (name in {"keys", "control"})
        assert ("trust" in mounted) == (name in {"keys", "control", "agent"})


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
