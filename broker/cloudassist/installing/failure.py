"""Why a host got no agent."""

from typing import Final

from cloudassist.errors import CloudAssistError

HOST_NOT_FOUND: Final = "HostNotFound"
UNREACHABLE: Final = "HostUnreachable"
HOST_KEY_UNKNOWN: Final = "HostKeyUnknown"
HOST_KEY_CHANGED: Final = "HostKeyChanged"
LOGIN_REFUSED: Final = "LoginRefused"
CONNECTION_LOST: Final = "ConnectionLost"
NAMED_TWICE: Final = "HostNamedTwice"
NO_SHELL: Final = "NoShell"
NO_SUDO: Final = "NoSudo"
SYSTEM_NOT_SUPPORTED: Final = "SystemNotSupported"
NO_PYTHON: Final = "NoPython"
NO_SPACE: Final = "NoSpace"
NO_WHEELS: Final = "NoWheels"
NOT_ONLINE: Final = "NotOnline"
FAILED: Final = "InstallationFailed"


class HostError(CloudAssistError):
    """One host cannot be served; ``code`` is one of these, or what the program on the host says."""
