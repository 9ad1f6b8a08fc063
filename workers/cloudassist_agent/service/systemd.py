"""The agent and its daemon as services of systemd: units written, enabled, taken away."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from cloudassist.errors import ConfigurationError
from cloudassist.keyset import Root
from cloudassist_agent.enrolment import lasting
from cloudassist_agent.settings import AgentSettings

CLIENT: Final = "cloudassist.service"
DAEMON: Final = "assist-daemon.service"
UNITS: Final = (CLIENT, DAEMON)
ROOT: Final = Path("/")
UNIT_FOLDER: Final = Path("etc", "systemd", "system")
ENVIRONMENT_FILE: Final = Path("etc", "cloudassist", "agent.env")
STOP_MARGIN_SECONDS: Final = 30
"""Seconds that a stop may take beyond the drain and the grace of its scripts, before systemd kills what is left."""

_BOOTED: Final = Path("run", "systemd", "system")


def install(settings: AgentSettings, environment: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """Write the units and the file of their environment, and enable and start them where systemd runs.

    ``environment`` is where the settings came from: what begins with CLOUDASSIST_ is kept, in a file that only root can
    read. ``root`` is another system's, an image's: there nothing is started. Returns what was done, a line each; raises
    ConfigurationError.
    """
    Root.of(settings)
    written = values(settings, Path(sys.executable), str(ROOT / ENVIRONMENT_FILE))
    kept = lasting(environment)
    try:
        lines = "".join(f"{name}={_quoted(value)}\n" for name, value in sorted(kept.items()))
        done = [_write(root / ENVIRONMENT_FILE, lines, 0o600)]
        done += [_write(root / UNIT_FOLDER / name, unit(name, written), 0o644) for name in UNITS]
    except OSError as error:
        raise ConfigurationError(f"the service cannot be installed: {error}") from None
    return done + _systemctl(root, ["daemon-reload"], ["enable", *UNITS], ["restart", CLIENT])


def uninstall(root: Path = ROOT) -> list[str]:
    """Stop and disable the units, and remove what :func:`install` wrote; the state folder stays."""
    done = _systemctl(root, ["disable", "--now", *reversed(UNITS)])
    for path in (*(root / UNIT_FOLDER / unit for unit in UNITS), root / ENVIRONMENT_FILE):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigurationError(f"the service cannot be uninstalled: {error}") from None
        done.append(f"removed {path}")
    return done + _systemctl(root, ["daemon-reload"])


def values(settings: AgentSettings, python: Path, environment_file: str) -> dict[str, object]:
    """Return what stands in the units for their placeholders; ``-`` before a file lets it be missing."""
    stop_seconds = round(settings.drain_seconds + settings.kill_grace_seconds) + STOP_MARGIN_SECONDS
    return {
        "python": python,
        "environment_file": environment_file,
        "state_dir": settings.state_dir,
        "stop_seconds": stop_seconds,
    }


def unit(name: str, values: Mapping[str, object]) -> str:
    """Return the text of a unit."""
    text = resources.files(__package__).joinpath("units", name).read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _quoted(value: str) -> str:
    """Return a value as systemd.exec(5) reads it in an EnvironmentFile."""
    if "\n" in value:
        raise ConfigurationError("a setting with a line break cannot be kept for a service")
    for special in ("\\", '"', "$", "`"):
        value = value.replace(special, f"\\{special}")
    return f'"{value}"'


def _write(path: Path, text: str, mode: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.chmod(mode)
    fresh.replace(path)
    return f"wrote {path}"


def _systemctl(root: Path, *commands: Sequence[str]) -> list[str]:
    """Carry out commands where systemd runs; return what was done, or what is to be done."""
    if not (root / _BOOTED).is_dir():
        return [f"where systemd runs: systemctl {' '.join(command)}" for command in commands]
    for command in commands:
        ended = subprocess.run(["systemctl", *command], capture_output=True, text=True, check=False)  # noqa: S603, S607
        if ended.returncode != 0:
            raise ConfigurationError(f"systemctl {' '.join(command)} failed: {ended.stderr.strip()}")
    return [f"did systemctl {' '.join(command)}" for command in commands]
