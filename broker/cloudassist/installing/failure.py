"""Why a host got no agent: in words for programs. The program on the host has those that concern it, too."""

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
SERVER_UNREACHABLE: Final = "ServerUnreachable"
REFUSED: Final = "EnrolmentRefused"
BUSY: Final = "InstallationUnderWay"
DAMAGED: Final = "FileDamaged"
TIMEOUT: Final = "StepTimeout"
FAILED: Final = "InstallationFailed"


class HostError(CloudAssistError):
    """One host cannot be served; ``code`` is one of these."""
