"""The agent and its daemon as processes in the background, where no service manager keeps them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cloudassist.errors import ConfigurationError
from cloudassist_agent.daemon.watch import STOP_MARGIN_SECONDS
from cloudassist_agent.scripts import posix
from cloudassist_agent.settings import AgentSettings

START_SECONDS: Final = 30.0
"""Seconds in which a daemon that was started must hold its folder, and its agent must hold it, too."""
OUTPUT_FILE: Final = "background.log"
"""What they write before their log is set up, in the agent's folder."""

_LOOK_SECONDS: Final = 0.05
_TOLD_CHARACTERS: Final = 400


def start(settings: AgentSettings) -> list[str]:
    """Start daemon and agent, where they do not run; returns what was done. Raises ConfigurationError."""
    if (pid := _holder(settings.daemon_lock_file)) is not None:
        return [f"the daemon is running already, as process {pid}"]
    settings.agent_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    output = settings.agent_dir / OUTPUT_FILE
    with output.open("wb") as file:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "cloudassist_agent", "watch"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd="/",
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not all(map(_holder, (settings.daemon_lock_file, settings.lock_file))):
        if daemon.poll() is not None or time.monotonic() >= deadline:
            _end([daemon.pid], signal.SIGTERM)
            said = output.read_text(errors="replace").strip().rpartition("\n")[2][:_TOLD_CHARACTERS]
            raise ConfigurationError(f"the agent did not come up: {said or f'{output} is empty'}")
        time.sleep(_LOOK_SECONDS)
    return [f"started the daemon as process {daemon.pid}"]


def stop(settings: AgentSettings) -> list[str]:
    """End agent and daemon as they end themselves: what runs may go on for a while; returns what was done."""
    files = (settings.daemon_lock_file, settings.lock_file)
    # A daemon passes it on. An agent whose daemon has died is told by itself.
    told = _pids(files)[:1]
    if not told:
        return ["nothing is running"]
    _end(told, signal.SIGTERM)
    deadline = time.monotonic() + settings.drain_seconds + settings.kill_grace_seconds + 2 * STOP_MARGIN_SECONDS
    while left := _pids(files):
        if time.monotonic() >= deadline:
            _end(left, signal.SIGKILL)
            return [f"killed {len(left)} processes that did not end"]
        time.sleep(_LOOK_SECONDS)
    return [f"stopped process {told[0]}"]


def _pids(files: Sequence[Path]) -> list[int]:
    return [pid for pid in map(_holder, files) if pid is not None]


def _holder(file: Path) -> int | None:
    try:
        with file.open("r+") as held:
            return posix.holder(held)
    except FileNotFoundError:
        return None


def _end(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
