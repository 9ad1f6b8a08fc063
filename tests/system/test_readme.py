"""The README's examples do what they show."""

import contextlib
import io
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(("code", "shown"), EXAMPLES, ids=["run", "stack"])
def test_an_example_prints_what_it_shows(code, shown, stack, monkeypatch):
    for name, value in stack.environment("producer").items():
        monkeypatch.setenv(name, value)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == shown


def test_the_two_commands_are_targets():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_links_lead_somewhere():
    root = Path(__file__).parents[2]
    for page in [root / "README.md", *root.glob("docs/*.md"), *root.glob("compose/*.md"), root / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
