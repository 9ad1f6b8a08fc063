"""The script file: in a private folder per run, given to the user that runs it when it is complete."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts.private_folder import private_folder, write_new
from cloudassist_agent.scripts.script import Script, ScriptError


def _to_nobody(*_: Path) -> None:
    """Leave files with the agent's own user."""


@contextmanager
def script_file(
    script: Script, folder: Path, *, keep: bool, give: Callable[..., None] = _to_nobody
) -> Iterator[Sequence[str]]:
    """Write a script to a new folder; yield the command line that runs it, and remove both afterwards.

    ``give`` is handed the file and its folder, to give them to the user that runs the script. Raises ScriptError
    (ExecutionException) where the file cannot be written.
    """
    path = folder / f"script{script.ending}"
    with private_folder(folder, keep=keep, contents=[path.name]):
        try:
            write_new(path, script.data)
            give(path, folder)
        except OSError as error:
            raise ScriptError(ErrorCode.EXECUTION_EXCEPTION, f"{path} could not be written: {error}") from error
        yield [*script.interpreter, str(path)]
