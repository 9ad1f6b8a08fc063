"""A script as it is written to its file, and the command line that runs it.

It is never executed directly: ``interpreter file`` also works where the file's mode or the file system forbids
execution, and the text cannot be busy.
"""

import os
import shutil
from dataclasses import dataclass
from typing import Final

from cloudassist.error_code import ErrorCode

_BYTE_ORDER_MARK: Final = "\ufeff"
_SHEBANG: Final = "#!"


class ScriptError(Exception):
    """The script cannot be run; ``code`` says why in the API's words."""

    def __init__(self, code: ErrorCode, info: str) -> None:
        super().__init__(info)
        self.code = code
        self.info = info


@dataclass(frozen=True, slots=True)
class Script:
    """What is written to the file, its ending, and the command line to which its path is appended."""

    data: bytes
    ending: str
    interpreter: tuple[str, ...]


def shell(content: str) -> Script:
    """Return a shell script, run as ``sh -c FILE`` would: its first line chooses the interpreter, else it is sh.

    A byte order mark and carriage returns at line ends are taken away (F62, F63): no shell takes them.
    """
    text = content.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n")
    return Script(text.encode(), ".sh", interpreter_of(text))


def powershell(content: str) -> Script:
    """Return a PowerShell script for ``pwsh``, or for the ``powershell.exe`` of Windows.

    The file begins with a byte order mark: without one, Windows PowerShell reads it in the local code page. Nothing of
    the user's profile is loaded, and the execution policy is set for this process alone.
    """
    found = shutil.which("pwsh") or shutil.which("powershell.exe")
    if found is None:
        raise ScriptError(ErrorCode.COMMAND_NOT_APPLICABLE, "PowerShell is not installed on this instance")
    text = _BYTE_ORDER_MARK + content.removeprefix(_BYTE_ORDER_MARK)
    options = ("-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File")
    return Script(text.encode(), ".ps1", (found, *options))


def batch(content: str) -> Script:
    """Return a batch script for ``cmd.exe``.

    Its commands are not echoed, and what it reads and writes is UTF-8; both are said in the file, since a command line
    cannot say them without quoting that cmd.exe and Python understand differently.
    """
    text = "@echo off\r\nchcp 65001 >nul\r\n" + content.removeprefix(_BYTE_ORDER_MARK)
    return Script(text.encode(), ".bat", ("cmd.exe", "/d", "/c"))


def interpreter_of(text: str) -> tuple[str, ...]:
    """Return the interpreter that the first line names, as the kernel reads it, else sh; raises ScriptError."""
    first_line = text.partition("\n")[0]
    if not first_line.startswith(_SHEBANG):
        return ("/bin/sh",)
    words = first_line.removeprefix(_SHEBANG).strip().split(maxsplit=1)
    if not words or not os.access(words[0], os.X_OK):
        named = words[0] if words else "none"
        raise ScriptError(ErrorCode.EXECUTION_EXCEPTION, f"the script's interpreter was not found: {named}")
    return tuple(words)
