"""The script file: a private folder per run below the task execution path, and the command line that runs it.

A script is never executed directly: ``interpreter file`` also works where the file's mode or the file system forbids
execution, and the text cannot be busy. Which interpreter, says the first line, else it is sh (API d.3).
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cloudassist.command_type import CommandType
from cloudassist.error_code import ErrorCode

_BYTE_ORDER_MARK: Final = "\ufeff"
_SHEBANG: Final = "#!"


class ScriptError(Exception):
    """The script cannot be run; ``code`` says why in the API's words."""

    def __init__(self, code: ErrorCode, info: str) -> None:
        super().__init__(info)
        self.code = code
        self.info = info


def _to_nobody(*_: Path) -> None:
    """Leave files with the agent's own user."""


@contextmanager
def script_file(
    content: str, kind: str, folder: Path, *, keep: bool, give: Callable[..., None] = _to_nobody
) -> Iterator[Sequence[str]]:
    """Write the script; yield the command line that runs it, and remove the file afterwards.

    ``give`` is handed the folder and the file, to give them to the user that runs the script.

    Raises ScriptError: CommandNotApplicable for a type that this system cannot run, ExecutionException where the file
    cannot be written or its interpreter is not there.
    """
    if kind != CommandType.SHELL:
        raise ScriptError(ErrorCode.COMMAND_NOT_APPLICABLE, f"{kind} cannot be run on {os.name} systems")
    text = normalised(content)
    interpreter = interpreter_of(text)
    try:
        private = Path(tempfile.mkdtemp(prefix="cloudassist-", dir=folder))
    except OSError as error:
        raise ScriptError(ErrorCode.EXECUTION_EXCEPTION, f"no folder could be made in {folder}: {error}") from error
    path = private / "script.sh"
    try:
        try:
            path.write_bytes(text.encode())
            give(path, private)
        except OSError as error:
            raise ScriptError(ErrorCode.EXECUTION_EXCEPTION, f"{path} could not be written: {error}") from error
        yield [*interpreter, str(path)]
    finally:
        if not keep:
            _remove(private, path)


def _remove(private: Path, path: Path) -> None:
    """Remove the folder; quickly where it holds the script alone, which it nearly always does."""
    try:
        path.unlink()
        private.rmdir()
    except OSError:
        shutil.rmtree(private, ignore_errors=True)


def normalised(content: str) -> str:
    """Return a shell script as a shell takes it: without byte order mark, lines ended by a line feed (F62, F63)."""
    return content.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n")


def interpreter_of(text: str) -> list[str]:
    """Return the interpreter that the first line names, as the kernel reads it, else sh; raises ScriptError."""
    first_line = text.partition("\n")[0]
    if not first_line.startswith(_SHEBANG):
        return ["/bin/sh"]
    words = first_line.removeprefix(_SHEBANG).strip().split(maxsplit=1)
    if not words or not os.access(words[0], os.X_OK):
        named = words[0] if words else "none"
        raise ScriptError(ErrorCode.EXECUTION_EXCEPTION, f"the script's interpreter was not found: {named}")
    return words
