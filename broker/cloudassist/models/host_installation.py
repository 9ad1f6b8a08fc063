"""What became of one host that was to get an agent, or to lose it."""

from enum import StrEnum

from cloudassist.models.base import ApiModel


class InstallationStatus(StrEnum):
    """How it ended: ``Renewed`` where the same version was there already, and was checked, mended and restarted."""

    INSTALLED = "Installed"
    UPGRADED = "Upgraded"
    RENEWED = "Renewed"
    REMOVED = "Removed"
    FAILED = "Failed"


class HostInstallation(ApiModel):
    """One host's row, in the order in which the hosts were named.

    ``service`` is what keeps the agent running: systemd, background, or none. ``error_code`` and ``error_info`` say why
    it failed, and are empty otherwise.
    """

    host: str
    instance_id: str = ""
    status: InstallationStatus
    agent_version: str = ""
    service: str = ""
    error_code: str = ""
    error_info: str = ""
    seconds: float = 0.0

    @property
    def is_failed(self) -> bool:
        """Tell whether it failed."""
        return self.status is InstallationStatus.FAILED
