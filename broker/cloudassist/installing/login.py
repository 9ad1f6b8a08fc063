"""How whoever installs gets in to the hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Login:
    """How to log in everywhere.

    ``user`` where the destination names none; ``key`` is a file, None the user's own keys and agent. ``host_keys`` are
    fingerprints (SHA256:…) that are believed besides what ``known_hosts`` (None: the user's and the system's) has. With
    ``sudo`` everything runs as root.
    """

    user: str = ""
    key: Path | None = None
    known_hosts: Path | None = None
    host_keys: Sequence[str] = ()
    sudo: bool = False
