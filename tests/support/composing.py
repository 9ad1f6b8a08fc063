"""Compose files without Compose: what they say once merged, and their services as processes of this machine."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cloudassist.embedded import free_port
from support.waiting import wait_until

FOLDER = Path(__file__).parents[2] / "compose"
BIN = Path(sys.executable).parent
STATE = "/var/lib/cloudassist"

_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


def composed(files: Sequence[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the services of some files, each laid over those before it (compose-spec 13), with variables filled in."""
    services: dict[str, Any] = {}
    for name in files:
        found = yaml.safe_load((FOLDER / name).read_text())["services"]
        services = _over(services, _filled(found, variables))
    return services


def variables_of(text: str) -> set[str]:
    """Return the variables that a compose file reads."""
    return {match[1] for match in _VARIABLE.finditer(text) if match[1]}


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    return _VARIABLE.sub(lambda match: _value(match, variables), value) if isinstance(value, str) else value


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, kind, text = match.groups()
    if name is None:
        return "$"
    if found := variables.get(name, ""):
        return found
    if kind != "-":
        raise KeyError(f"{name}: {text}")
    return str(text)


def _over(base: Any, other: Any, key: str = "") -> Any:
    """Lay one over the other: maps together, volumes and ports added, anything else replaced."""
    if isinstance(base, dict) and isinstance(other, dict):
        return base | {name: _over(base.get(name), value, name) for name, value in other.items()}
    if isinstance(base, list) and key in {"volumes", "ports"}:
        return [*base, *other]
    return other


class Native:
    """Runs services without containers: each has a folder of its own for a root, with links where volumes are."""

    def __init__(self, folder: Path, services: Mapping[str, Any], server: str) -> None:
        self.folder = folder
        self.services = services
        self.port = free_port()
        self.ports = {"5555": free_port(), "9464": free_port()}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._server = server

    def root(self, name: str) -> Path:
        """Return the root of a service, with its volumes in their places."""
        root = self.folder / "roots" / name
        if not root.exists():
            for volume in self.services[name].get("volumes", []):
                source, place, *_ = volume.split(":")
                link = root / place.lstrip("/")
                link.parent.mkdir(parents=True, exist_ok=True)
                target = FOLDER / source if source.startswith(".") else self.folder / "volumes" / source
                if target.parent != FOLDER:
                    target.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target)
        return root

    def translated(self, name: str, label: str, text: str) -> str:
        """Return a text of a service with this machine's ports and paths, and its container's name."""
        text = text.replace("server:6379", f"127.0.0.1:{self.port}").replace("DNS:server", "IP:127.0.0.1")
        text = re.sub(r"\b6379\b", str(self.port), text).replace(":18EB ", f":{self.port:04X} ")
        text = text.replace("0.0.0.0", "127.0.0.1").replace("%h", label)
        for port, own in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(own), text)
        places = [volume.split(":")[1] for volume in self.services[name].get("volumes", [])]
        known = "|".join(map(re.escape, sorted({*places, STATE}, key=len, reverse=True)))
        return re.sub(rf"(?<![\w/])({known})(?![\w-])", rf"{self.root(name)}\1", text)

    def environment(self, name: str, label: str = "") -> dict[str, str]:
        """Return the environment of a service: what compose gives it, and nothing of ours but where programs are."""
        given = {key: self.translated(name, label, text) for key, text in self.services[name]["environment"].items()}
        state = {"CLOUDASSIST_STATE_DIR": f"{self.folder}/none"} | given
        return {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **state}

    def command(self, name: str, label: str = "") -> list[str]:
        """Return the command of a service."""
        words = self.services[name].get("entrypoint", []) + self.services[name]["command"]
        return [self.translated(name, label, word) for word in words]

    def start(self, name: str, count: int = 1) -> None:
        """Start so many containers of a service."""
        for number in range(1, count + 1):
            label = f"{name}-{number}"
            self._run(label, self.command(name, label), self.environment(name, label))

    def run(self, name: str) -> None:
        """Run a service that ends."""
        self.start(name)
        assert self.processes.pop(f"{name}-1").wait(20) == 0, self.log(f"{name}-1")

    def start_server(self) -> None:
        """Start the server, and wait until it can be connected to, as compose does."""
        _, *words = self.command("server")
        own = [] if "--tls-port" in words else ["--port", str(self.port)]
        own += ["--bind", "127.0.0.1", "--dir", str(self.root("server") / "data")]
        self._run("server-1", [self._server, *words, *own], dict(os.environ))
        wait_until(self._is_open, "the server to listen")

    def _is_open(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def is_healthy(self, name: str) -> bool:
        """Tell what the health check of a service says."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        command = [
            self.translated(name, name, word) for word in (["sh", "-c", *words] if kind == "CMD-SHELL" else words)
        ]
        done = subprocess.run(command, env=self.environment(name), capture_output=True, check=False)
        return done.returncode == 0

    def call(self, name: str, *arguments: str) -> str:
        """Run a service that ends, with other arguments; return what it prints."""
        words = [*self.services[name]["entrypoint"], *arguments]
        done = subprocess.run(words, env=self.environment(name), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, label: str) -> str:
        """Return what a container has said."""
        return (self.folder / f"{label}.log").read_text()

    def password(self, user: str) -> str:
        """Return the password of a user."""
        return (self.folder / "volumes" / user / "password").read_text().strip()

    def stop(self) -> dict[str, int]:
        """End all; return the exit codes."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(20) for name, process in self.processes.items()}

    def kill(self) -> None:
        """Leave nothing behind."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(10)

    def _run(self, label: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with (self.folder / f"{label}.log").open("w") as log:
            self.processes[label] = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
