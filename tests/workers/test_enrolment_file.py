"""What an enrolled machine has kept completes its settings, and gives way to what it is told."""

import stat

import pytest

from cloudassist.errors import ConfigurationError
from cloudassist_agent.enrolment import FILE, Enrolment, completed, lasting
from cloudassist_agent.settings import read_settings

KEPT = Enrolment(
    url="redis://server:6379/0",
    instance_id="web-1",
    epoch=3,
    trust="root=" + "A" * 43,
    tags={"role": "web", "zone": "a"},
    settings={"REGION": "north"},
)


@pytest.fixture
def state(tmp_path):
    """A state folder of an enrolled machine."""
    KEPT.save(tmp_path)
    password = KEPT.password_file(tmp_path)
    password.parent.mkdir(parents=True)
    password.write_text("secret\n")
    return tmp_path


def environment(state, **given):
    return {"CLOUDASSIST_STATE_DIR": str(state)} | {f"CLOUDASSIST_{name}": value for name, value in given.items()}


def test_an_agent_needs_no_more_than_the_state_folder(state):
    settings = read_settings(environment(state))
    assert settings.url == "redis://agent.web-1:secret@server:6379/0"
    assert (settings.instance_id, settings.epoch, settings.trust) == (("web-1",), 3, KEPT.trust)
    assert (settings.tags_by_key(), settings.region, settings.remote_control) == (KEPT.tags, "north", False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"URL": "redis://elsewhere:1/0"}, {"url": "redis://agent.web-1:secret@elsewhere:1/0"}),
        ({"URL": "redis://me:pw@elsewhere:1/0"}, {"url": "redis://me:pw@elsewhere:1/0"}),
        ({"TAGS": "a=b"}, {"tags": ("a=b",)}),
        ({"EPOCH": "9"}, {"epoch": 9}),
        ({"REMOTE_CONTROL": "yes"}, {"remote_control": True}),
        ({"TRUST_FILE": "trust"}, {"trust": ""}),
        ({"INSTANCE_ID": "web-1"}, {"epoch": 3}),
        ({"INSTANCE_ID": "other"}, {"epoch": 0, "url": "redis://127.0.0.1:6379/0"}),
    ],
    ids=str,
)
def test_what_it_is_told_counts_more(state, given, expected):
    settings = read_settings(environment(state, **given))
    assert {name: getattr(settings, name) for name in expected} == expected


def test_a_machine_that_is_not_enrolled_has_what_it_is_told_and_nothing_else(tmp_path):
    given = environment(tmp_path, URL="redis://server:1/0")
    assert completed(given | {"PATH": "/bin"}) == given


def test_an_enrolment_is_private_and_comes_back_as_it_was(state):
    assert stat.S_IMODE((state / FILE).stat().st_mode) == 0o600
    assert Enrolment.load(state) == KEPT


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": 1, "more": 2}'])
def test_one_that_cannot_be_read_is_a_mistake_and_not_none(state, text):
    (state / FILE).write_text(text)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Enrolment.load(state)


def test_a_service_keeps_no_code():
    given = {
        "CLOUDASSIST_URL": "u",
        "CLOUDASSIST_ACTIVATION_CODE": "a-x",
        "CLOUDASSIST_ACTIVATION_ID": "A",
        "PATH": "p",
    }
    assert lasting(given | {"PATH": "p"}) == {"CLOUDASSIST_URL": "u"}
