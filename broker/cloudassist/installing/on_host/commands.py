"""Running what was installed, in a clean environment; what it says when it fails becomes the reason."""

import errno
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cloudassist.installing.on_host.telling import Failure

SECONDS = 900
"""Seconds that one step may take, the longest: a drain of five minutes, and what it waits for."""


def python(release: Path) -> str:
    """Return the Python of a release."""
    return str(release / "bin" / "python")


def agent(release: Path) -> list[str]:
    """Return the command of a release's agent; what it starts or writes goes through the path that is given here."""
    return [python(release), "-m", "cloudassist_agent"]


def works(release: Path) -> bool:
    """Tell whether what is in a release can be loaded."""
    command = [python(release), "-c", "import cloudassist_agent.worker, cloudassist_agent.daemon.watch"]
    try:
        return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0  # noqa: S603
    except OSError:  # it has no Python, or one that is gone
        return False


def run(command: Sequence[str], environment: Mapping[str, str], codes: Mapping[int, str] | None = None) -> str:
    """Run a command and return what it writes; raises Failure, with the code that belongs to its exit code."""
    own = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": os.environ.get("HOME", "/")}
    try:
        ended = subprocess.run(  # noqa: S603 - what was installed just now
            command, env={**own, **environment}, capture_output=True, text=True, check=False, timeout=SECONDS, cwd="/",
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failure("StepTimeout", f"{' '.join(command)} did not end within {SECONDS} s") from None
    if ended.returncode != 0:
        said = (ended.stderr or ended.stdout).strip().rpartition("\n")[2]
        code = (codes or {}).get(
            ended.returncode, "NoSpace" if os.strerror(errno.ENOSPC) in ended.stderr else "InstallationFailed"
        )
        raise Failure(code, said or f"{command[0]} ended with exit code {ended.returncode}")
    return ended.stdout
