"""Environments of their own for what is measured beside us: .run/peers/NAME, made once."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(".run/peers")


def environment(package: str) -> Path:
    """Return the folder of the programs of a package, which is installed if it is not there yet."""
    folder = FOLDER / package
    done = folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        options = ["--quiet", "--disable-pip-version-check"]
        subprocess.run([folder / "bin" / "pip", "install", *options, package], check=True)
        done.touch()
    return (folder / "bin").absolute()
