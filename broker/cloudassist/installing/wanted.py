"""What an installation is to be, and who is told how it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cloudassist.models.host_installation import HostInstallation


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an installation is to be.

    Empty words mean what the host finds fitting. ``url`` is where instances reach the server, ``tls_ca`` the
    certificates by which it is believed, as text. ``settings`` are more of the agent's, by their names without
    CLOUDASSIST_. ``online_seconds`` is how long to wait for the instance. ``runtime`` is a Python for
    hosts that have none. ``purge`` takes the state folder away, too, where the agent is.
    """

    url: str = ""
    prefix: str = ""
    state_dir: str = ""
    python: str = ""
    runtime: Path | None = None
    service: str = "auto"
    tls_ca: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    online_seconds: float = 60.0
    purge: bool = False


class Watcher(Protocol):
    """Is told how it goes, each by the host as it was written."""

    def on_step(self, host: str, step: str) -> None:
        """Hear that a step begins: a word or two."""

    def on_end(self, ended: HostInstallation) -> None:
        """Hear how a host has ended."""
