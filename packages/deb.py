"""The package for Debian's family."""

import subprocess
from pathlib import Path

from cloudassist.installing.target import Target
from cloudassist.version import __version__
from packages import tree

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf", "ppc64le": "ppc64el", "s390x": "s390x"}
SCRIPTS = Path(__file__).parent / "scripts"

_CONTROL = """Package: cloudassist-agent
Version: {version}
Architecture: {architecture}
Maintainer: Cloud Assistant <root@localhost>
Installed-Size: {size}
Depends: python{python}, libc6 (>= {libc})
Section: admin
Priority: optional
Description: agent of Cloud Assistant
 Stands for this machine as an instance of Cloud Assistant: takes orders, runs
 the scripts in them, and says what became of each. Comes with all that it is
 built on.
"""


def build(target: Target, root: Path, folder: Path) -> Path:
    """Make the package of a tree, to which its control files are added; returns it."""
    control = root / "DEBIAN"
    control.mkdir()
    architecture = ARCHITECTURES[target.machine]
    words = {
        "version": __version__,
        "architecture": architecture,
        "size": tree.size_kib(root),
        "python": ".".join(map(str, target.python)),
        "libc": ".".join(map(str, target.libc_version)),
    }
    (control / "control").write_text(_CONTROL.format(**words))
    (control / "conffiles").write_text(f"{tree.ENVIRONMENT}\n")
    for name in ("postinst", "prerm", "postrm"):
        script = control / name
        script.write_text((SCRIPTS / f"deb.{name}").read_text())
        script.chmod(0o755)
    path = folder / f"cloudassist-agent_{__version__}_{architecture}.deb"
    command = ["dpkg-deb", "--build", "--root-owner-group", "-Zxz", str(root), str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path
