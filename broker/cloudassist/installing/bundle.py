"""The one file that is shipped to a host: a zip of wheels and of the program that installs them, which Python runs.

It holds all that an agent needs but Python itself: nothing has to be reached from the host.
"""

import hashlib
import json
import tempfile
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Self

from cloudassist.errors import ConfigurationError
from cloudassist.installing import wheels
from cloudassist.installing.target import Target
from cloudassist.version import __version__

MANIFEST: Final = "manifest.json"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_PACKAGE: Final = "cloudassist/installing/on_host"
_MAIN: Final = f"import sys\n\nfrom {_PACKAGE.replace('/', '.')}.program import main\n\nsys.exit(main())\n"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A shipped file: its path, and what it is for; one without wheels is for any Python."""

    path: Path
    version: str
    hash: str
    target: Target | None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what a file is; raises ConfigurationError where it is none."""
        try:
            with zipfile.ZipFile(path) as file:
                manifest = json.loads(file.read(MANIFEST))
            return cls(path, manifest["version"], manifest["hash"], Target.of(*manifest["target"]))
        except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise ConfigurationError(f"{path} is no file to ship: {error}") from None


def make(target: Target, folder: Path) -> Bundle:
    """Make the file for a target, in a folder; raises ConfigurationError."""
    with tempfile.TemporaryDirectory(prefix="cloudassist-") as place:
        found = sorted(wheels.gather(target, Path(place)), key=lambda wheel: wheel.name)
        digest = hashlib.sha256(b"".join(hashlib.sha256(wheel.read_bytes()).digest() for wheel in found)).hexdigest()
        manifest = {"version": __version__, "hash": digest, "target": target.words}
        path = folder / f"cloudassist-agent-{__version__}-{target}.pyz"
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as file:
            _write_program(file)
            file.writestr(zipfile.ZipInfo(MANIFEST, _EPOCH), json.dumps(manifest))
            for wheel in found:
                file.writestr(zipfile.ZipInfo(f"wheels/{wheel.name}", _EPOCH), wheel.read_bytes())
    return Bundle(path, __version__, digest, target)


def make_program(path: Path) -> Bundle:
    """Make a file that has the program and no wheels: what takes an installation away."""
    with zipfile.ZipFile(path, "w") as file:
        _write_program(file)
    return Bundle(path, __version__, "", None)


def _write_program(file: zipfile.ZipFile) -> None:
    """Write the program as the package that it is here, so that its modules find each other."""
    texts = {"__main__.py": _MAIN, "cloudassist/__init__.py": "", "cloudassist/installing/__init__.py": ""}
    for module in resources.files(f"{__package__}.on_host").iterdir():
        if module.name.endswith(".py"):
            texts[f"{_PACKAGE}/{module.name}"] = module.read_text(encoding="utf-8")
    for name in sorted(texts):
        file.writestr(zipfile.ZipInfo(name, _EPOCH), texts[name])
