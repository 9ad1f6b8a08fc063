"""What ``celery -A cloudassist flower`` reads before it starts."""

import sys

import pytest
from tornado.options import Error, OptionParser

from cloudassist.control import flower


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Stand in an empty folder with the command line of Flower."""
    monkeypatch.setattr(sys, "argv", ["celery", "-A", "cloudassist", "flower", "--port=1"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def login(monkeypatch, tmp_path):
    file = tmp_path / "login"
    monkeypatch.setenv("CLOUDASSIST_FLOWER_LOGIN_FILE", str(file))
    return file


def options():
    """Return Flower's options as our configuration leaves them."""
    parser = OptionParser()
    from flower import options as stock  # noqa: PLC0415 - defines its options in tornado's global parser

    for name, option in stock.options._options.items():
        if name not in parser._options:
            parser.define(name, option.default, option.type, multiple=option.multiple)
    parser.parse_config_file(str(flower.CONFIG), final=False)
    return parser


def test_flower_gets_its_role_and_our_configuration(asked):
    environment = {}
    flower.prepare(environment)
    assert environment == {"CLOUDASSIST_ROLE": "flower", "FLOWER_CONF": str(flower.CONFIG)}


def test_what_somebody_says_counts_more(asked):
    said = {"CLOUDASSIST_ROLE": "control", "FLOWER_CONF": "other.py"}
    environment = dict(said)
    flower.prepare(environment)
    assert environment == said
    (asked / flower.OWN_CONFIG).write_text("from cloudassist.flowerconfig import *\n")
    environment = {}
    flower.prepare(environment)
    assert environment == {"CLOUDASSIST_ROLE": "flower"}


def test_other_commands_are_left_alone(asked, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["celery", "-A", "cloudassist", "worker", "-n", "flower@host"])
    environment = {}
    flower.prepare(environment)
    assert environment == {}


def test_without_a_login_only_this_machine_sees_it(monkeypatch):
    monkeypatch.delenv("CLOUDASSIST_FLOWER_LOGIN_FILE", raising=False)
    found = options()
    assert (found.address, found.basic_auth, found.read_only) == ("127.0.0.1", [], True)


def test_a_login_is_asked_for_on_every_address(login):
    login.write_text("ann:one\n\nben:two:three\n")
    found = options()
    assert (found.address, found.basic_auth) == ("", ["ann:one", "ben:two:three"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot be read"), ("", "names nobody"), ("ann\n", "line 1 of"), ("ann:one\n:two\n", "line 2 of")],
)
def test_a_login_that_cannot_be_used_ends_flower(login, content, reason):
    if content is not None:
        login.write_text(content)
    with pytest.raises((SystemExit, Error), match=f"FLOWER_LOGIN_FILE.*{reason}"):
        options()
