"""The package for Red Hat's family."""

import subprocess
import tempfile
from pathlib import Path

from cloudassist.installing.target import Target
from cloudassist.version import __version__
from packages import tree

SCRIPTS = Path(__file__).parent / "scripts"

# What is in the tree was built elsewhere: nothing of it is to be stripped, compiled or looked through for dependencies.
_SPEC = """%global _build_id_links none
%global __os_install_post %{{nil}}
%global debug_package %{{nil}}
Name: cloudassist-agent
Version: {version}
Release: 1
Summary: Agent of Cloud Assistant
License: Apache-2.0
AutoReqProv: no
Requires: /usr/bin/python{python}
Requires: glibc >= {libc}

%description
Stands for this machine as an instance of Cloud Assistant: takes orders, runs
the scripts in them, and says what became of each. Comes with all that it is
built on.

%install
cp -a {root}/. %{{buildroot}}

%post
{post}
%preun
{preun}
%postun
{postun}
%files
%defattr(-,root,root)
{home}
{program}
{units}/*.service
%config(noreplace) %attr(0600,root,root) {environment}
%doc /usr/share/doc/cloudassist-agent
"""


def build(target: Target, root: Path, folder: Path) -> Path:
    """Make the package of a tree; returns it."""
    words = {
        "version": __version__,
        "python": ".".join(map(str, target.python)),
        "libc": ".".join(map(str, target.libc_version)),
        "root": root,
        "home": tree.HOME,
        "program": tree.PROGRAM,
        "units": tree.UNIT_FOLDER,
        "environment": tree.ENVIRONMENT,
        **{name: (SCRIPTS / f"rpm.{name}").read_text() for name in ("post", "preun", "postun")},
    }
    with tempfile.TemporaryDirectory(prefix="cloudassist-") as place:
        spec = Path(place) / "cloudassist-agent.spec"
        spec.write_text(_SPEC.format(**words))
        command = ["rpmbuild", "-bb", "--quiet", f"--target={target.machine}", f"--define=_topdir {place}",
                   f"--define=_rpmdir {place}/made", str(spec)]  # fmt: skip
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if ended.returncode != 0:
            raise RuntimeError(f"rpmbuild failed: {ended.stderr}")
        (made,) = Path(place).glob("made/**/*.rpm")
        path = folder / made.name
        path.write_bytes(made.read_bytes())
    return path
