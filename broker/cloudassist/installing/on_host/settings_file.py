"""The file of an installed agent's settings, as a shell and systemd read it."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from cloudassist.installing.on_host.telling import Failure

PREFIX = "CLOUDASSIST_"


def read(file: Path) -> dict[str, str]:
    """Return what a file keeps; nothing where it is not there."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if line.startswith(PREFIX))
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


def save(file: Path, environment: Mapping[str, str]) -> None:
    """Write a file that only its owner can read; raises Failure for what cannot be kept."""
    write(file, "".join(f"{name}={_quoted(value)}\n" for name, value in environment.items()), 0o600)


def write(path: Path, text: str, mode: int) -> None:
    """Write a file, whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def _quoted(value: str) -> str:
    if "\n" in value:
        raise Failure("InstallationFailed", "a setting with a line break cannot be kept")
    for special in ("\\", '"', "$", "`"):
        value = value.replace(special, f"\\{special}")
    return f'"{value}"'
