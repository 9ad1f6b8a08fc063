"""Control groups of a test's own; only root can have them, and only where the kernel's older hierarchy is mounted."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def group(controller: str, **limits: str | int) -> Iterator[Path]:
    """Make a group of a controller; whoever writes its process id to ``cgroup.procs`` is in it."""
    folder = ROOT / controller / f"cloudassist-{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir()
        for name, value in limits.items():
            (folder / f"{controller}.{name}").write_text(str(value))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Move what is in a group out of it, and remove it."""
    for pid in (folder / "cgroup.procs").read_text().split():
        with contextlib.suppress(OSError):
            (folder.parent / "cgroup.procs").write_text(pid)
    folder.rmdir()
