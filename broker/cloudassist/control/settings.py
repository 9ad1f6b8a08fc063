"""Settings of the workers of the control plane."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cloudassist.errors import ConfigurationError
from cloudassist.settings import Settings, bounded


class Role(StrEnum):
    """What a worker of the control plane does."""

    CONTROL = "control"
    DISPATCH = "dispatch"
    FLOWER = "flower"
    ENROL = "enrol"


@dataclass(frozen=True, kw_only=True)
class ControlSettings(Settings):
    """Settings of a worker of the control plane."""

    role: str = Role.CONTROL
    """``control`` (aggregator, sweeper, heartbeats, retention), ``dispatch`` (holds the signing key), ``enrol`` (makes
    the users of instances), or ``flower``."""
    instances_remote_control: bool = False
    """Whether `celery inspect` may reach the instances that a worker of the role enrol brings in."""
    metrics_port: int = bounded(0, least=0, most=65_535)
    """Port on which a control worker answers Prometheus; 0: none. Needs the extra ``metrics``."""
    metrics_address: str = "127.0.0.1"
    """Address that it listens on."""
    flower_login_file: Path | None = None
    """File with a line ``user:password`` for each who may look at Flower; None: whoever reaches its port."""

    def __post_init__(self) -> None:
        """Check the role besides the rest."""
        super().__post_init__()
        if self.role not in set(Role):
            raise ConfigurationError(f"CLOUDASSIST_ROLE must be one of {', '.join(Role)}; it is {self.role!r}")
