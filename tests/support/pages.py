"""What a page of the documentation shows: its examples, run in order, and compared with what the page says they print.

A page whose text has :data:`MARK` is collected. Its ``python`` blocks are one session; the ``text`` block behind one is
what it prints. A ``console`` block is commands behind ``$`` and what each prints, in one folder. What differs each time
(ids, times, seconds) is compared as what it is; ``…`` in a page stands for any text of a line, and alone for any lines.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cloudassist.plugin import program

ROOT: Final = Path(__file__).parents[2]
MARK: Final = "<!-- the tests run this page -->"
COMMAND_SECONDS: Final = 60.0
"""Seconds that a command of a page may take."""

_BLOCK: Final = re.compile(r"^```(python|console)\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
_ID: Final = re.compile(r"\b[tc]-[0-9a-f]{16}\b")
_VARIES: Final = (
    (_ID, "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\b\d+\.\d\d\b"), "SECONDS"),
)


def pages() -> list[Path]:
    """Return the pages that are marked."""
    return [page for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))) if MARK in page.read_text()]


@dataclass
class Session:
    """One reader who follows one page. ``environment`` is that of a producer, ``folder`` where commands are given."""

    environment: Mapping[str, str]
    folder: Path
    _names: dict[str, Any] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)
    """The ids that the page shows, and what they are this time."""

    def follow(self, page: Path) -> int:
        """Run every example of the page; return how many there were, or fail at the first that differs."""
        blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
        for language, code, shown in blocks:
            if language == "python":
                self._same(code, shown, self._python(code))
            else:
                for command, expected in _commands(code):
                    self._same(command, expected, self._console(command))
        return len(blocks)

    def _python(self, code: str) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "page", "exec"), self._names)
        return printed.getvalue()

    def _console(self, command: str) -> str:
        command = _ID.sub(lambda found: self._ids.get(found[0], found[0]), command)
        words = _plain_call(command)
        return self._shell(command) if words is None else self._call(words)

    def _shell(self, command: str) -> str:
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", command],
            env=os.environ | dict(self.environment) | {"PATH": programs},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return done.stdout

    def _call(self, words: list[str]) -> str:
        """Call the command line; return what it has written, on both streams."""
        written = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(written),
            contextlib.redirect_stderr(written),
            contextlib.suppress(SystemExit),
        ):
            program.main(words)
        return written.getvalue()

    def _same(self, what: str, shown: str, printed: str) -> None:
        assert _pattern(shown).fullmatch(_plain(printed)), f"{what}\n--- shown:\n{shown}\n--- printed:\n{printed}"
        self._ids |= zip(_ID.findall(shown), _ID.findall(printed), strict=False)


def _commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a block, each with what it prints; a line that ends with a backslash goes on."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        length = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\\n"))
        yield "".join(lines[:length]), "".join(lines[length:])


def _plain_call(command: str) -> list[str] | None:
    """Return the arguments of a call of the command line, or None where a shell has something to do."""
    for_a_shell = any(re.fullmatch(r"[();<>|&]+|.*\$.*", word) for word in _words(command) if word[0] not in "'\"")
    name, *words = shlex.split(command)
    return None if for_a_shell or name != "cloudassist" else words


def _words(command: str) -> list[str]:
    """Return the words of a command with their quotes, and what means something to a shell as words of their own."""
    return list(shlex.shlex(command, posix=False, punctuation_chars=True))


def _plain(text: str) -> str:
    """Return text with names in the place of what differs each time, and with blanks told only apart from none."""
    for what, name in _VARIES:
        text = what.sub(name, text)
    return re.sub(r"[ \t]+", " ", text)


def _pattern(shown: str) -> re.Pattern[str]:
    """Return what printed text has to match."""
    lines = (re.escape(_plain(line)).replace("…", ".*") for line in shown.splitlines())
    return re.compile("".join(r"(?:.*\n)*" if line == ".*" else f"{line}\n" for line in lines))
