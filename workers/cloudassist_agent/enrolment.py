"""What a machine keeps of its enrolment: who it is, at which server, and whom it trusts.

It lies in the state folder and completes the settings, so that an agent of an enrolled machine needs to be told nothing
but that folder. What the environment says counts more.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self

from cloudassist.address import with_login
from cloudassist.errors import ConfigurationError
from cloudassist.settings import PREFIX, default_state_dir
from cloudassist.topology import agent_user

FILE: Final = "enrolment.json"
PASSWORD_FILE: Final = "password"  # noqa: S105 - the name of a file
KEPT: Final = ("TLS_CA", "TLS_CERTIFICATE", "TLS_KEY", "SENTINEL_MASTER", "REGION")
"""Settings that are kept with the enrolment where it was made with them."""

_ONCE: Final = frozenset({"ACTIVATION_ID", "ACTIVATION_CODE"})
"""What a machine is told to be enrolled, and is of no use afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One enrolment. ``url`` has no login; ``trust`` is the root key as settings have it."""

    url: str
    instance_id: str
    epoch: int
    trust: str
    tags: dict[str, str] = field(default_factory=dict)
    remote_control: bool = False
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, state_dir: Path) -> Self | None:
        """Return the enrolment that a state folder has; None where it has none. Raises ConfigurationError."""
        path = state_dir / FILE
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(f"the enrolment {path} cannot be read: {error}") from None

    def save(self, state_dir: Path) -> None:
        """Write it to a state folder."""
        write_private(state_dir / FILE, json.dumps(asdict(self), indent=1) + "\n")

    def password_file(self, state_dir: Path) -> Path:
        """Return the file of the password of the instance's user."""
        return agent_dir(state_dir, self.instance_id) / PASSWORD_FILE

    def variables(self, state_dir: Path) -> dict[str, str]:
        """Return what it says as settings."""
        own = {
            "URL": with_login(self.url, agent_user(self.instance_id)),
            "PASSWORD_FILE": str(self.password_file(state_dir)),
            "INSTANCE_ID": self.instance_id,
            "EPOCH": str(self.epoch),
            "TRUST": self.trust,
            "TAGS": ",".join(f"{key}={value}" for key, value in self.tags.items()),
            "REMOTE_CONTROL": "yes" if self.remote_control else "no",
            **self.settings,
        }
        return {PREFIX + name: value for name, value in own.items()}


def completed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return settings completed by the enrolment of their state folder, if they are about the instance that has it.

    A URL that has no login is that of the same server elsewhere, and gets the login of the enrolment.
    """
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    state_dir = state_dir_of(given)
    found = Enrolment.load(state_dir)
    if found is None or given.get(f"{PREFIX}INSTANCE_ID", found.instance_id) != found.instance_id:
        return given
    known = found.variables(state_dir)
    url = given.pop(f"{PREFIX}URL", "")
    if "@" in url:
        known[f"{PREFIX}URL"] = url
        del known[f"{PREFIX}PASSWORD_FILE"]
    elif url:
        known[f"{PREFIX}URL"] = with_login(url, agent_user(found.instance_id))
    if f"{PREFIX}TRUST_FILE" in given:
        del known[f"{PREFIX}TRUST"]
    return {**known, **given}


def lasting(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of an environment that a service keeps: never a code."""
    once = {PREFIX + name for name in _ONCE}
    return {name: value for name, value in environ.items() if name.startswith(PREFIX) and name not in once}


def state_dir_of(environ: Mapping[str, str]) -> Path:
    """Return the state folder that settings name."""
    given = environ.get(f"{PREFIX}STATE_DIR", "")
    return Path(given) if given else default_state_dir()


def agent_dir(state_dir: Path, instance_id: str) -> Path:
    """Return the folder of an instance's journal, key and password."""
    return state_dir / "agents" / instance_id


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read, whole or not at all; raises ConfigurationError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error}") from None
