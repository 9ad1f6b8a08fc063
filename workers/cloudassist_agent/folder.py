"""The folders of an instance on its machine: its own, held by one agent and one daemon, and one for each run."""

from pathlib import Path
from typing import IO

from cloudassist.errors import ConfigurationError
from cloudassist.keyring import AgreementKey, create_key
from cloudassist_agent.scripts import system
from cloudassist_agent.settings import AgentSettings


def hold(lock_file: Path, who: str) -> IO[str]:
    """Hold a folder for this process alone, and make it where it is not there; raises ConfigurationError."""
    lock_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = lock_file.open("w")
    try:
        system.hold(file)
    except BlockingIOError:
        file.close()
        raise ConfigurationError(f"another {who} is running with the state folder {lock_file.parent}") from None
    return file


def instance_key(settings: AgentSettings) -> AgreementKey:
    """Return the instance's key, made where there is none."""
    create_key(settings.key_file, "instance")
    return AgreementKey.load(settings.key_file, "instance")


def of_run(settings: AgentSettings, key: AgreementKey, record_id: str) -> Path:
    """Return the folder of a run, the same after a restart; others know its name only once it is there."""
    return settings.execution_path / f"cloudassist-{key.name_of(record_id)}"
