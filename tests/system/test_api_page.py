"""docs/api.md: its session, run from the first line to the last."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from cloudassist import Assistant
from cloudassist.settings import Settings

pytestmark = pytest.mark.system

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
ENROLMENT = (Path(__file__).parents[2] / "docs" / "enrolment.md").read_text(encoding="utf-8")
"""Its session is run by test_enrolment."""
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE, re.DOTALL)


def test_every_example_does_what_it_shows(stack, monkeypatch):
    for name, value in stack.environment("producer").items():
        monkeypatch.setenv(name, value)
    session = {}
    try:
        for code, shown in BLOCKS:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, "docs/api.md", "exec"), session)
            assert printed.getvalue() == shown, code
    finally:
        for command in session["assistant"].describe_commands(name="greet*"):
            session["assistant"].delete_command(command.command_id)
        session["assistant"].close()


def test_every_operation_has_an_example():
    code = "".join(block for block, _ in BLOCKS) + ENROLMENT
    operations = [name for name in vars(Assistant) if not name.startswith("_") and name != "close"]
    assert [name for name in operations if f".{name}(" not in code] == []


def test_every_limit_of_the_table_is_a_setting():
    names = re.findall(r"`([A-Z_]+)`", PAGE.partition("## Limits")[2])
    full = {name if not name.startswith("_") else f"TIMEOUT{name}SECONDS" for name in names}
    assert {name.lower() for name in full} <= {field.lower() for field in Settings.__dataclass_fields__}
    assert len(full) > 20
