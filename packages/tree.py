"""What the packages hold, laid out as it will lie on a host."""

import shutil
import tempfile
import zipfile
from pathlib import Path

from cloudassist.installing import wheels
from cloudassist.installing.target import Target
from cloudassist_agent.service import systemd
from cloudassist_agent.settings import AgentSettings

HOME = Path("/usr/lib/cloudassist")
PROGRAM = Path("/usr/bin/cloudassist-agent")
STATE = Path("/var/lib/cloudassist")
UNIT_FOLDER = Path("/usr/lib/systemd/system")
ENVIRONMENT = Path("/etc/cloudassist/agent.env")
ROOT = Path(__file__).parents[1]

_MAIN = """#!{python}
import sys

from cloudassist_agent.__main__ import main

sys.exit(main())
"""
_ENVIRONMENT = """# Settings of the agent, NAME="value" each; see docs/agent.md.
# `cloudassist-agent register` enrols this host; `systemctl enable --now cloudassist.service` has its agent run.
"""


def lay_out(target: Target, root: Path) -> None:
    """Write the tree below a folder; raises ConfigurationError where wheels cannot be had."""
    python = ".".join(map(str, target.python))
    home = root / HOME.relative_to("/")
    packages = home / "lib" / f"python{python}" / "site-packages"
    packages.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="cloudassist-") as folder:
        for wheel in wheels.gather(target, Path(folder)):
            if not wheel.name.startswith(f"{wheels.INSTALLER}-"):
                _unpack(wheel, packages)
    (home / "bin").mkdir()
    (home / "bin" / "python").symlink_to(f"/usr/bin/python{python}")
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n")
    _write(home / "bin" / "cloudassist-agent", _MAIN.format(python=HOME / "bin" / "python"), 0o755)
    program = root / PROGRAM.relative_to("/")
    program.parent.mkdir(parents=True)
    program.symlink_to(HOME / "bin" / "cloudassist-agent")
    _write(root / ENVIRONMENT.relative_to("/"), _ENVIRONMENT, 0o600)
    values = systemd.values(AgentSettings(state_dir=STATE), HOME / "bin" / "python", f"-{ENVIRONMENT}")
    for unit in systemd.UNITS:
        _write(root / UNIT_FOLDER.relative_to("/") / unit, systemd.unit(unit, values), 0o644)
    documents = root / "usr" / "share" / "doc" / "cloudassist-agent"
    documents.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", documents / "copyright")


def size_kib(root: Path) -> int:
    """Return how much a tree takes."""
    return sum(path.lstat().st_size for path in root.rglob("*")) >> 10


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        if any(".data/" in name for name in file.namelist()):
            raise ValueError(f"{wheel.name} has more than packages in it")
        file.extractall(folder)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
