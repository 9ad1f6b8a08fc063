"""The pages of the documentation do what they show: every example of every page that is marked."""

import re

import pytest

from cloudassist.plugin import VERBS
from support.pages import ROOT, Session, pages

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PAGES = {page.relative_to(ROOT).as_posix(): page for page in pages()}


@pytest.fixture
def session(stack, assistant, tmp_path, monkeypatch):
    """A reader with a producer's settings, who takes away the commands that the page has kept."""
    settings = stack.environment("producer")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    kept = {command.command_id for command in assistant.describe_commands(max_results=50).all()}
    yield Session(settings, tmp_path)
    for run in assistant.describe_invocations(repeat_mode="Period", timed=True, max_results=50).all():
        assistant.stop_invocation(run.invoke_id)
    for command in assistant.describe_commands(max_results=50).all():
        if command.command_id not in kept:
            assistant.delete_command(command.command_id)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_example_does_what_the_page_shows(page, session):
    assert session.follow(page) > 0


def test_the_pages_that_teach_are_marked():
    taught = {
        "README.md",
        *(f"docs/{name}.md" for name in ("quickstart", "python", "command-line", "recurring", "api")),
    }
    assert taught <= set(PAGES)


def test_an_example_that_prints_something_else_is_found(session, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo t-0123456789abcdef is Finished\nt-aaaaaaaaaaaaaaaa is Failed\n```\n")
    with pytest.raises(AssertionError, match="is Failed"):
        session.follow(page)


def test_every_verb_has_a_line_on_its_page():
    text = (ROOT / "docs" / "command-line.md").read_text()
    assert [verb for verb in VERBS if f"`{verb}" not in text] == []


def test_what_the_pages_have_made_is_a_target():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [page.read_text() for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("compose/*.md"))]
    named = {name for text in texts for name in re.findall(r"(?:^|[`$] ?)make ([a-z-]+)", text, re.MULTILINE)}
    assert len(named) > 5
    assert named - targets == set()
