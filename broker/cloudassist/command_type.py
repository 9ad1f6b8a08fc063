"""The types of script (API a.1)."""

from enum import StrEnum


class CommandType(StrEnum):
    """What kind of script a command holds; the value is the API's word."""

    SHELL = "RunShellScript"
    """For Linux: run as ``sh -c FILE`` would, so a first line ``#!…`` chooses the interpreter."""
    POWERSHELL = "RunPowerShellScript"
    """For Windows, and wherever PowerShell is installed."""
    BATCH = "RunBatScript"
    """For Windows: cmd.exe."""
