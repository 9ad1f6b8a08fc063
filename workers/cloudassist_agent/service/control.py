"""The command lines of Windows' service control program (sc.exe), which make and remove the agent's service."""

from collections.abc import Sequence
from typing import Final

SERVICE: Final = "CloudAssistService"
"""The service's name; there is one, and no daemon: Windows restarts what fails (overview, "Cloud Assistant daemon")."""
RESTART_MS: Final = (5_000, 30_000, 60_000)
"""Milliseconds before the first, the second, and every further restart."""
RESET_SECONDS: Final = 86_400
"""Seconds without a failure after which the next one counts as the first."""
DISPLAY_NAME: Final = "Cloud Assistant"
DESCRIPTION: Final = "Runs the scripts that Cloud Assistant orders."

_SC: Final = "sc.exe"


def install(command: Sequence[str]) -> list[list[str]]:
    """Return what makes and starts a service that runs a command. sc.exe wants a blank behind each equals sign."""
    actions = "/".join(f"restart/{pause}" for pause in RESTART_MS)
    return [
        [_SC, "create", SERVICE, "binPath=", command_line(command), "start=", "auto", "DisplayName=", DISPLAY_NAME],
        [_SC, "description", SERVICE, DESCRIPTION],
        [_SC, "failure", SERVICE, "reset=", str(RESET_SECONDS), "actions=", actions],
        # Also where it ends by itself with an error, and not only where it crashes.
        [_SC, "failureflag", SERVICE, "1"],
    ]


def start() -> list[str]:
    """Return what starts the service."""
    return [_SC, "start", SERVICE]


def uninstall() -> list[list[str]]:
    """Return what stops and removes the service."""
    return [[_SC, "stop", SERVICE], [_SC, "delete", SERVICE]]


def command_line(command: Sequence[str]) -> str:
    """Return a command as the one line that a service's binPath is: every part with a blank in quotation marks."""
    return " ".join(f'"{part}"' if " " in part else part for part in command)
