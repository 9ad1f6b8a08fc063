"""What keeps an installed agent running: systemd, or its daemon in the background."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from cloudassist.installing.on_host import settings_file
from cloudassist.installing.on_host.commands import agent, run

SYSTEMD = Path("/run/systemd/system")
KINDS = ("auto", "systemd", "background", "none")


def start(prefix: Path, kind: str, environment: Mapping[str, str]) -> str:
    """Have the agent run from now on, and anew where it runs already; returns what keeps it running."""
    current = prefix / "current"
    line = f"set -a; . {shlex.quote(str(prefix / 'agent.env'))}; exec {shlex.join(agent(current))}"
    for verb in ("start", "stop"):
        settings_file.write(prefix / verb, f"#!/bin/sh\n{line} {verb}\n", 0o700)
    if kind == "auto":
        kind = "systemd" if _under_systemd() else "background"
    if kind == "systemd":
        run([*agent(current), "install-service"], environment)
    elif kind == "background":
        run([*agent(current), "stop"], environment)
        run([*agent(current), "start"], environment)
    return kind


def stop(prefix: Path, environment: Mapping[str, str]) -> None:
    """End the agent, whichever way it runs, and have it run no more."""
    current = prefix / "current"
    if _under_systemd():
        run([*agent(current), "uninstall-service"], environment)
    run([*agent(current), "stop"], environment)


def _under_systemd() -> bool:
    return SYSTEMD.is_dir() and os.geteuid() == 0
