"""What a host says of itself before anything is done to it."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final, Self

from cloudassist.installing import failure
from cloudassist.installing.failure import HostError
from cloudassist.installing.secure_shell import Shell
from cloudassist.installing.target import Target

_WORD: Final = re.compile(r"^cloudassist:(\w+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Python:
    """One Python of a host; ``lacks`` says which module of its standard library is not there."""

    path: str
    version: str
    target: Target
    lacks: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A host, as its shell tells it. ``free_kib`` is the room for the installation, None where that is not known."""

    words: Mapping[str, str]
    pythons: tuple[Python, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what the probe has written; whatever a login prints besides is passed over."""
        pairs = _WORD.findall(text)
        told = [value for name, value in pairs if name == "python"]
        return cls(dict(pairs), tuple(found for value in told if (found := _python(value)) is not None))

    def __getitem__(self, name: str) -> str:
        """Return a word; empty where it was not told."""
        return self.words.get(name, "")

    @property
    def is_whole(self) -> bool:
        """Tell whether the probe came to its end."""
        return self["end"] == "yes"

    @property
    def free_kib(self) -> int | None:
        """Return the room for the installation."""
        return int(self["free_kib"]) if self["free_kib"].isdecimal() else None

    @property
    def installation(self) -> tuple[str, ...]:
        """Return what tells an installation from others, whatever names its machine has: one boot of it, its files."""
        return self["boot"], self["root"], self["prefix"]


async def probe(shell: Shell, *, prefix: str = "", state_dir: str = "", python: str = "") -> Facts:
    """Ask a host what it is; raises HostError. Empty words mean what the host finds fitting."""
    await _check_sudo(shell)
    script = resources.files(__package__).joinpath("probe.sh").read_bytes()
    words = " ".join(shlex.quote(word) for word in (prefix, state_dir, python))
    ended = await shell.run(f"sh -s -- {words}", script)
    facts = Facts.parse(ended.output)
    if not facts.is_whole:
        raise HostError(failure.NO_SHELL, f"it has no POSIX shell that could be asked: {ended.last_words}")
    return facts


async def _check_sudo(shell: Shell) -> None:
    if not shell.sudo:
        return
    if (await shell.run("id -u", as_root=False)).output.strip() == "0":
        shell.sudo = False  # whoever logs in is root already
        return
    there = await shell.run("command -v sudo", as_root=False)
    if there.code != 0:
        raise HostError(failure.NO_SUDO, "sudo is not installed there: log in as root, or install without --sudo")
    may = await shell.run("true")
    if may.code != 0:
        raise HostError(
            failure.NO_SUDO, f"whoever logs in may not become root by sudo without a password: {may.last_words}"
        )


def _python(value: str) -> Python | None:
    path, version, machine, libc, libc_version, lacks = [*value.split("|"), "", "", "", "", ""][:6]
    if not path or not version:
        return None
    return Python(path, version, Target.of(version, machine, libc, libc_version), lacks)
