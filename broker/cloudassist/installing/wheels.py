"""The wheels of an agent: made again from what is installed here, or fetched where a host needs others.

So an agent has the versions that this installation has and was tested with, and nothing has to be reached for a host
that is like this one.
"""

import importlib.util
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from cloudassist.errors import ConfigurationError
from cloudassist.installing.target import Target

DISTRIBUTION: Final = "cloudassist"
PACKAGES: Final = ("cloudassist", "cloudassist_agent", "cloudassist_beat")
NEEDED: Final = ("celery[redis]", "kombu", "redis", "pynacl", "psutil", "cronsim")
"""What an agent is built on: pyproject.toml's dependencies without those of models and of the command line."""
INSTALLER: Final = "pip"

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a zip can tell: the same content makes the same file."""
_NOT_PACKED: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
_FETCH_SECONDS: Final = 300


def gather(target: Target, folder: Path) -> list[Path]:
    """Write the wheels of an agent and of its installer for a target into a folder; raises ConfigurationError."""
    found, missing = [pack_own(folder)], []
    for distribution in [*closure(target), _installer()]:
        if any(target.accepts(tag) for tag in _tags(distribution)):
            found.append(pack(distribution, folder))
        else:
            missing.append(f"{distribution.name}=={distribution.version}")
    return found + (fetch(missing, target, folder) if missing else [])


def closure(target: Target) -> list[metadata.Distribution]:
    """Return what an agent needs on a target, as it is installed here; raises ConfigurationError."""
    environment = {
        "python_version": ".".join(map(str, target.python)),
        "python_full_version": ".".join(map(str, target.python)) + ".0",
        "platform_machine": target.machine,
    }
    found: dict[str, metadata.Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in NEEDED]
    while waiting:
        wanted = waiting.pop()
        key = _normal(wanted.name), frozenset(wanted.extras)
        if key in seen:
            continue
        seen.add(key)
        found[key[0]] = _installed(wanted.name)
        waiting += _requirements(found[key[0]], key[1], environment)
    return [found[name] for name in sorted(found)]


def pack(distribution: metadata.Distribution, folder: Path) -> Path:
    """Write the wheel of what is installed, without what an installation added to it."""
    files = {
        str(file): Path(str(file.locate())).read_bytes()
        for file in distribution.files or []
        if file.parts[0] != ".." and file.suffix != ".pyc" and file.name not in _NOT_PACKED
    }
    return _write(folder, distribution, _tags(distribution), files.items())


def pack_own(folder: Path) -> Path:
    """Write the wheel of this distribution, from its packages, which may lie in a checkout."""
    distribution = _installed(DISTRIBUTION)
    info = f"{DISTRIBUTION}-{distribution.version}.dist-info"
    files = {
        f"{package}/{path.relative_to(root).as_posix()}": path.read_bytes()
        for package in PACKAGES
        for root in [_folder_of(package)]
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name in ("METADATA", "entry_points.txt"):
        files[f"{info}/{name}"] = (distribution.read_text(name) or "").encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: cloudassist\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return _write(folder, distribution, ["py3-none-any"], files.items())


def fetch(wanted: Sequence[str], target: Target, folder: Path) -> list[Path]:
    """Have pip fetch wheels for a target from wherever it is set up to; raises ConfigurationError."""
    place = folder / "fetched"
    place.mkdir(exist_ok=True)
    version = ".".join(map(str, target.python))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", "--implementation=cp", f"--python-version={version}", f"--dest={place}",
               *(f"--platform={tag}" for tag in target.platforms()), *wanted]  # fmt: skip
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS)  # noqa: S603
        said = "" if ended.returncode == 0 else _last_error(ended.stderr)
    except subprocess.TimeoutExpired:
        said = f"pip did not end within {_FETCH_SECONDS} s"
    if said:
        raise ConfigurationError(f"there are no wheels of {', '.join(wanted)} for {target} here: {said}")
    return sorted(place.iterdir())


def _installer() -> metadata.Distribution:
    try:
        return metadata.distribution(INSTALLER)
    except metadata.PackageNotFoundError:
        raise ConfigurationError("pip is not installed here, and an agent is installed by it") from None


def _installed(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise ConfigurationError(f"{name} is not installed here, and an agent needs it") from None


def _requirements(
    distribution: metadata.Distribution, extras: Iterable[str], environment: Mapping[str, str]
) -> Iterator[Requirement]:
    for text in distribution.requires or []:
        requirement = Requirement(text)
        chosen = [{**environment, "extra": extra} for extra in ("", *extras)]
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in chosen):
            yield requirement


def _tags(distribution: metadata.Distribution) -> list[str]:
    text = distribution.read_text("WHEEL") or ""
    return re.findall(r"^Tag: (\S+)$", text, re.MULTILINE)


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"the package {package} is not installed here, and an agent needs it")
    return Path(spec.submodule_search_locations[0])


def _write(
    folder: Path, distribution: metadata.Distribution, tags: Sequence[str], files: Iterable[tuple[str, bytes]]
) -> Path:
    parts = [".".join(dict.fromkeys(part)) for part in zip(*(tag.split("-") for tag in tags), strict=True)]
    name = "-".join([_normal(distribution.name).replace("-", "_"), distribution.version, *parts])
    path = folder / f"{name}.whl"
    info = f"{_normal(distribution.name).replace('-', '_')}-{distribution.version}.dist-info"
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for written, data in files:
            # What is installed keeps the name that its own wheel gave its folder.
            if ".dist-info/" in written:
                info = written.partition("/")[0]
            entry = zipfile.ZipInfo(written, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            wheel.writestr(entry, data)
            record.append(f'"{written}",,' if "," in written else f"{written},,")
        record.append(f"{info}/RECORD,,")
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD", _EPOCH), "\n".join(record) + "\n")
    return path


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _last_error(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("ERROR:")] or text.strip().splitlines()
    return lines[-1].removeprefix("ERROR: ") if lines else "pip said nothing"
