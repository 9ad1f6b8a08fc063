"""A release of the agent: an environment of its own, made of the wheels in the shipped file."""

import contextlib
import hashlib
import shutil
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from cloudassist.installing.on_host import commands
from cloudassist.installing.on_host.telling import Failure, tell

WHEELS = "wheels/"
NEEDED_BYTES = 64 * 2**20
"""Bytes that an installation takes for a while: 8 MB of wheels, 22 MB of what is in them, compiled modules."""
_QUIET = ("--quiet", "--no-compile", "--disable-pip-version-check", "--no-cache-dir", "--root-user-action=ignore")


def make(prefix: Path, bundle: zipfile.ZipFile, manifest: Mapping[str, str]) -> Path:
    """Return the release of a file, made where it is not there or is not whole; raises Failure."""
    release = prefix / "releases" / f"{manifest['version']}-{manifest['hash'][:12]}"
    if (release / "complete").exists() and commands.works(release):
        return release
    tell(step="unpacking")
    shutil.rmtree(release, ignore_errors=True)
    free, needed = shutil.disk_usage(prefix).free, NEEDED_BYTES
    if free < needed:
        raise Failure("NoSpace", f"{prefix} has {free >> 20} MiB left, and an installation needs {needed >> 20} MiB")
    release.mkdir(parents=True)
    with _whole(release):
        _unpack(release, bundle, manifest)
        if not commands.works(release):
            raise Failure(
                "InstallationFailed", f"what was installed in {release} cannot be loaded by this host's Python"
            )
        (release / "complete").touch()
    return release


def switch(prefix: Path, release: Path) -> None:
    """Let a release be the one that runs, at once or not at all."""
    fresh = prefix / ".current.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(release.relative_to(prefix))
    fresh.replace(prefix / "current")


def _unpack(release: Path, bundle: zipfile.ZipFile, manifest: Mapping[str, str]) -> None:
    names = sorted(name for name in bundle.namelist() if name.startswith(WHEELS))
    wheels = [Path(bundle.extract(name, release)) for name in names]
    digest = hashlib.sha256(b"".join(hashlib.sha256(wheel.read_bytes()).digest() for wheel in wheels))
    if digest.hexdigest() != manifest["hash"]:
        raise Failure("FileDamaged", f"{bundle.filename} was damaged on its way")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(release)
    (pip,) = (wheel for wheel in wheels if wheel.name.startswith("pip-"))
    others = [str(wheel) for wheel in wheels if wheel != pip]
    # An environment of its own without pip in it: Debian's Python may have none to give.
    installer = [commands.python(release), str(pip / "pip"), "install", *_QUIET]
    commands.run([*installer, "--no-index", "--no-deps", *others], {})
    shutil.rmtree(release / WHEELS)


@contextlib.contextmanager
def _whole(release: Path) -> Iterator[None]:
    """Remove a release that could not be made: what is half takes room, and helps nobody."""
    try:
        yield
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        raise
