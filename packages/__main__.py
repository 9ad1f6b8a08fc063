"""``python -m packages``: build the packages for one kind of host, with the tools that are there."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from cloudassist.errors import ConfigurationError
from cloudassist.installing.target import GLIBC, Target
from packages import deb, rpm, tree

TOOLS = {"dpkg-deb": deb.build, "rpmbuild": rpm.build}


def main() -> int:
    """Build what the command line asks for; prints the paths."""
    here = Target.here()
    parser = argparse.ArgumentParser(prog="packages", description=__doc__)
    parser.add_argument("--output", type=Path, default=tree.ROOT / "dist", help="the folder to write to (dist)")
    parser.add_argument("--python", default=here.words[0], help="the Python of the hosts: 3.11 … (this one's)")
    parser.add_argument("--machine", default=here.machine, help="the machine of the hosts: x86_64 … (this one's)")
    parser.add_argument("--libc-version", default=here.words[3], help="their oldest glibc (this one's)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    built = 0
    with tempfile.TemporaryDirectory(prefix="cloudassist-") as place:
        try:
            target = Target.of(options.python, options.machine, GLIBC, options.libc_version)
            tree.lay_out(target, Path(place) / "tree")
        except ConfigurationError as error:
            parser.error(error.message)
        for tool, build in TOOLS.items():
            if shutil.which(tool) is None:
                print(f"{tool} is not installed: no such package is built", file=sys.stderr)
                continue
            root = Path(place) / tool
            shutil.copytree(Path(place) / "tree", root, symlinks=True)
            print(build(target, root, options.output))
            built += 1
    return 0 if built else 1


if __name__ == "__main__":
    sys.exit(main())
