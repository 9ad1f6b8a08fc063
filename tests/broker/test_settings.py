from dataclasses import fields
from pathlib import Path

import pytest

from cloudassist import limits
from cloudassist.control.settings import ControlSettings
from cloudassist.errors import ConfigurationError
from cloudassist.keyset import Root
from cloudassist.settings import Settings, read
from cloudassist_agent.settings import AgentSettings

TRUST = "root=" + "A" * 42 + "E"


def test_defaults_are_the_limits():
    settings = read(Settings, {})
    assert settings.command_content_bytes == limits.COMMAND_CONTENT_BYTES
    assert settings.instances_per_call == limits.INSTANCES_PER_CALL
    assert settings.presence_lifetime_seconds == limits.PRESENCE_LIFETIME_SECONDS
    assert settings.signing_key_file == settings.state_dir / "signing.key"


def test_the_environment_is_read_by_type():
    environ = {
        "CLOUDASSIST_URL": "rediss://example:6380/1",
        "CLOUDASSIST_STATE_DIR": "/srv/state",
        "CLOUDASSIST_SIGNING_KEY": "/srv/key",
        "CLOUDASSIST_INSTANCES_PER_CALL": "5000",
        "CLOUDASSIST_KILL_GRACE_SECONDS": "0.5",
        "CLOUDASSIST_INSTANCE_ID": "web-1, web-2",
        "CLOUDASSIST_TAGS": "role=web,zone=a=b",
        "CLOUDASSIST_EVENTS": "no",
        "OTHER": "ignored",
    }
    settings = read(AgentSettings, environ)
    assert settings.url == "rediss://example:6380/1"
    assert settings.state_dir == Path("/srv/state")
    assert settings.signing_key_file == Path("/srv/key")
    assert settings.instances_per_call == 5000
    assert settings.kill_grace_seconds == 0.5
    assert settings.instance_id == ("web-1", "web-2")
    assert settings.tags_by_key() == {"role": "web", "zone": "a=b"}
    assert settings.events is False
    assert settings.agent_dir == Path("/srv/state/agents/web-1")


def test_an_argument_wins_over_the_environment():
    assert read(Settings, {"CLOUDASSIST_REGION": "a"}, region="b", url=None).region == "b"


@pytest.mark.parametrize(
    ("cls", "name", "value", "said"),
    [
        (Settings, "URL", "amqp://x", "'amqp'"),
        (Settings, "INSTANCES_PER_CALL", "many", "'many'"),
        (Settings, "INSTANCES_PER_CALL", "0", "from 1 to 50000"),
        (Settings, "INSTANCES_PER_CALL", "50001", "50001"),
        (Settings, "KILL_GRACE_SECONDS", "nan", "nan"),
        (ControlSettings, "ROLE", "boss", "control, dispatch"),
        (AgentSettings, "INSTANCE_ID", "", "INSTANCE_ID"),
        (AgentSettings, "INSTANCE_ID", "a b", "'a b'"),
        (AgentSettings, "TAGS", "novalue", "'novalue'"),
        (AgentSettings, "TAGS", "k=" + "v" * 129, "128"),
        (AgentSettings, "TAGS", ",".join(f"k{i}=" for i in range(21)), "21"),
        (AgentSettings, "EVENTS", "maybe", "'maybe'"),
    ],
)
def test_a_bad_value_names_the_variable_the_rule_and_the_value(cls, name, value, said):
    with pytest.raises(ConfigurationError) as caught:
        read(cls, {"CLOUDASSIST_INSTANCE_ID": "web-1", f"CLOUDASSIST_{name}": value})
    assert said in caught.value.message


def test_a_password_is_never_in_the_message():
    with pytest.raises(ConfigurationError) as caught:
        read(Settings, {"CLOUDASSIST_URL": "http://user:secret@host"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("cls", [Settings, ControlSettings, AgentSettings])
def test_every_number_is_bounded(cls):
    for declared in fields(cls):
        if declared.type in {int, float}:
            assert declared.metadata["least"] <= declared.default <= declared.metadata["most"]


def test_trust_names_the_root_key():
    settings = read(AgentSettings, {"CLOUDASSIST_INSTANCE_ID": "a", "CLOUDASSIST_TRUST": TRUST})
    assert Root.of(settings).format() == TRUST
    for text in (",", "root=", "root=x", "signing=" + "A" * 43, TRUST + ",report=" + "A" * 43):
        with pytest.raises(ConfigurationError) as caught:
            Root.of(read(AgentSettings, {"CLOUDASSIST_TRUST": text}))
        assert "CLOUDASSIST_TRUST" in caught.value.message


def test_trust_is_read_from_its_file_where_it_is_not_given(tmp_path):
    settings = AgentSettings(state_dir=tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        Root.of(settings)
    assert str(tmp_path / "trust") in caught.value.message
    (tmp_path / "trust").write_text(TRUST + "\n")
    assert Root.of(settings).format() == TRUST
