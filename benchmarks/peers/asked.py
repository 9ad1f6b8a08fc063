"""A program of a peer that goes on running and is asked again and again: a line with a script in, a number out."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"


class Asked:
    """The program."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, script: str) -> int:
        """Have it run a script everywhere; return from how many instances its output came."""
        assert self._process.stdin is not None
        self._process.stdin.write(script + "\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> int:
        """Return the next number that it says."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@contextlib.contextmanager
def asked(command: Sequence[str | Path]) -> Iterator[Asked]:
    """Start it, and wait until it says that it is ready."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        program = Asked(process)
        program.read()
        yield program
    finally:
        process.communicate()
