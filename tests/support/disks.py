"""Small file systems of a test's own; only root can have them."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")


@contextlib.contextmanager
def small_disk(folder: Path, *options: str) -> Iterator[Path]:
    """Mount a file system in memory at a folder; skips the test where that cannot be done."""
    with mounted(folder, *options) as failure:
        if failure:
            pytest.skip(f"no file system can be mounted here: {failure}")
        yield folder


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[str]:
    """Mount a file system in memory at a folder; yield why that cannot be done, empty where it was."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        yield done.stderr.decode().strip()
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the file system of a folder to the last byte; return the file that does it."""
    assert folder.is_mount(), f"{folder} is on a disk that others use"
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (64 * 1024, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return filler
