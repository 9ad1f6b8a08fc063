"""Environments of their own for what is measured, or measured beside us: .run/environments/NAME, made once."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(".run/environments")


def environment(name: str, *what: str) -> Path:
    """Return the folder of the programs of an environment. ``what`` pip installs there, if that is not done yet."""
    folder = FOLDER / name
    done = folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        options = ["--quiet", "--disable-pip-version-check"]
        subprocess.run([folder / "bin" / "pip", "install", *options, *what], check=True)
        done.touch()
    return (folder / "bin").absolute()
