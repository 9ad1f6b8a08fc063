"""What a host's Python can load: which wheels fit it."""

import platform
import re
import sys
from dataclasses import dataclass
from typing import Final, Self

from cloudassist.errors import ConfigurationError

OLDEST_PYTHON: Final = (3, 11)
"""The oldest Python that an agent runs on (pyproject.toml, requires-python)."""
GLIBC: Final = "glibc"
MUSL: Final = "musl"

_OLD_NAMES: Final = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
"""Platform tags from before PEP 600, with the glibc that they need."""
_PLATFORM: Final = re.compile(r"(manylinux|musllinux)_(\d+)_(\d+)_(\w+)")
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Target:
    """A CPython of one minor version on Linux, its machine (x86_64 …), and its C library with its version."""

    python: Version
    machine: str
    libc: str
    libc_version: Version

    @classmethod
    def here(cls) -> Self:
        """Return what this process runs on."""
        name, version = platform.libc_ver()
        return cls.of(f"{sys.version_info[0]}.{sys.version_info[1]}", platform.machine(), name, version)

    @classmethod
    def of(cls, python: str, machine: str, libc: str = GLIBC, libc_version: str = "2.17") -> Self:
        """Return the target of these words; what the system does not name is musl. Raises ConfigurationError."""
        return cls(_version(python), machine, libc or MUSL, _version(libc_version or "1.1"))

    def __str__(self) -> str:
        """Return it as a part of a file's name."""
        python, libc = self.python, self.libc_version
        return f"cp{python[0]}{python[1]}-{self.libc}{libc[0]}.{libc[1]}-{self.machine}"

    @property
    def words(self) -> tuple[str, str, str, str]:
        """Return what :meth:`of` takes."""
        return ".".join(map(str, self.python)), self.machine, self.libc, ".".join(map(str, self.libc_version))

    def serves(self, other: "Target") -> bool:
        """Tell whether what fits this one fits another: the same but for a C library that is as new, or newer."""
        same = (self.python, self.machine, self.libc) == (other.python, other.machine, other.libc)
        return same and self.libc_version <= other.libc_version

    def accepts(self, tag: str) -> bool:
        """Tell whether a wheel with this tag, such as cp36-abi3-manylinux_2_12_x86_64, can be loaded."""
        python, abi, system = tag.split("-")
        return self._has(python, abi) and self._is(system)

    def platforms(self) -> list[str]:
        """Return the platform tags of wheels that it can load, the newest first, as pip takes them."""
        family = "manylinux" if self.libc == GLIBC else "musllinux"
        major, newest = self.libc_version
        found = [f"{family}_{major}_{minor}_{self.machine}" for minor in range(newest, -1, -1)]
        return found + [f"{name}_{self.machine}" for name in reversed(_OLD_NAMES) if self._is(f"{name}_{self.machine}")]

    def _has(self, python: str, abi: str) -> bool:
        major, minor = self.python
        own = f"cp{major}{minor}"
        if abi == "abi3":
            return python.startswith("cp3") and int(python[3:] or 0) <= minor
        if abi == "none":
            return python in {f"py{major}", own} or (python.startswith("py3") and int(python[3:] or 0) <= minor)
        return python == abi == own

    def _is(self, system: str) -> bool:
        if system == "any":
            return True
        found = _PLATFORM.fullmatch(system)
        if found is not None:
            family, major, minor, machine = found.groups()
            fits = (family == "manylinux") is (self.libc == GLIBC) and machine == self.machine
            return fits and int(major) == self.libc_version[0] and int(minor) <= self.libc_version[1]
        name, _, machine = system.partition("_")
        if name == "linux":  # built here: what it needs is not known, but for what it was built on
            built_on = Target.here()
            return self.machine == machine and built_on.libc == self.libc and built_on.libc_version <= self.libc_version
        return self.libc == GLIBC and machine == self.machine and _OLD_NAMES.get(name, (99, 0)) <= self.libc_version


def _version(text: str) -> Version:
    found = _VERSION.match(text)
    if found is None:
        raise ConfigurationError(f"a version is MAJOR.MINOR; it is {text!r}")
    return int(found[1]), int(found[2])
