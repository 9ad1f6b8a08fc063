"""Every verb shows an example that can be copied, and that it would take."""

import shlex

import click
import pytest
from click.testing import CliRunner

from cloudassist.plugin import assist


def verbs(group=assist, *path):
    """Yield the words of each verb, and those of each verb of a verb."""
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from verbs(command, *path, name)


@pytest.mark.parametrize("path", [(), *verbs()], ids=" ".join)
def test_help_shows_an_example_in_one_line_that_the_verb_takes(path):
    shown = CliRunner().invoke(assist, [*path, "--help"], terminal_width=80, prog_name="cloudassist").output
    (line,) = (line for line in shown.splitlines() if "Example: " in line)
    example = shlex.split(line.partition("Example: ")[2].partition(" > ")[0])
    assert example[: len(path) + 1] == ["cloudassist", *path]
    taken(example[1:])


def taken(words):
    """Parse words as the command line would; raises UsageError."""
    command = assist
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(None, words.pop(0))
    command.make_context("cloudassist", words)
