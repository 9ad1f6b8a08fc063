"""A Python for hosts that have none that is new enough: a tree that runs wherever it is unpacked, shipped along."""

import asyncio
import hashlib
import shlex
from pathlib import Path
from typing import Final

from cloudassist.errors import ConfigurationError
from cloudassist.installing.probe import Facts
from cloudassist.installing.secure_shell import Shell
from cloudassist.installing.shipping import ship

FOLDER: Final = "runtimes"
"""Where they are, below an installation's folder; the probe looks there, too."""
SHIP_SECONDS: Final = 900.0
"""Seconds in which one must have been shipped."""

_NAMED: Final = 12


async def bring(shell: Shell, facts: Facts, archive: Path) -> None:
    """Unpack one on a host, where it is not there already; raises HostError, ConfigurationError.

    ``archive`` is a tar.gz that has ``bin/python3`` in it, or a folder that has.
    """
    try:
        data = await asyncio.to_thread(archive.read_bytes)
    except OSError as error:
        raise ConfigurationError(f"the runtime cannot be read: {error}") from None
    folder = shlex.quote(f"{facts['prefix']}/{FOLDER}/{hashlib.sha256(data).hexdigest()[:_NAMED]}")
    if (await shell.run(f"test -e {folder}/complete")).code == 0:
        return
    command = f"""umask 022; rm -rf {folder}; mkdir -p {folder} || exit 1
tar -xzf - -C {folder} || {{ rm -rf {folder}; exit 1; }}
for python in {folder}/bin/python3 {folder}/*/bin/python3; do [ -x "$python" ] && : > {folder}/complete && exit 0; done
echo 'it has no bin/python3' >&2; rm -rf {folder}; exit 1"""
    await ship(shell, command, data, what="the runtime", failed="cannot be unpacked", seconds=SHIP_SECONDS)
