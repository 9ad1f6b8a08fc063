import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist.errors import InvalidParameterError, LimitExceededError
from cloudassist.operations import arguments, describe, run_command, stop_invocation
from cloudassist.settings import Settings
from support.data import table

SETTINGS = Settings()
GOOD = {
    "command_content": "echo",
    "type": "RunShellScript",
    "instance_ids": ["web-1"],
    "parameters": None,
    "enable_parameter": None,
    "timeout": 60,
    "working_dir": "",
    "name": "",
    "description": "",
    "client_token": None,
}


def check(**changes):
    return run_command.check(SETTINGS, **(GOOD | changes))


@pytest.mark.parametrize("row", table("bad_arguments"), ids=lambda row: row["what"])
def test_bad_input_is_named(row):
    with pytest.raises(InvalidParameterError) as caught:
        check(**row["given"])
    assert caught.value.code == row["code"]
    assert caught.value.status == row["status"]
    for said in row["says"]:
        assert said in caught.value.message


def test_limits_at_their_edge():
    content = "x" * (12 * 1024)
    assert len(content) * 4 // 3 == SETTINGS.command_content_bytes
    assert check(command_content=content).content == content
    with pytest.raises(LimitExceededError) as caught:
        check(command_content=content + "x")
    assert "16388" in caught.value.message
    assert "16384" in caught.value.message
    assert check(timeout=10).timeout == 10
    assert check(timeout=86_400).timeout == 86_400
    assert len(check(instance_ids=[f"i-{i}" for i in range(100)]).instance_ids) == 100
    with pytest.raises(LimitExceededError):
        check(instance_ids=[f"i-{i}" for i in range(101)])
    assert check(name="n" * 128, description="d" * 512, working_dir="/" + "w" * 199).name == "n" * 128


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6_000))
def test_the_size_rule_counts_base64(content):
    size = arguments.base64_bytes(content)
    settings = Settings(command_content_bytes=max(size, 1))
    if content.strip():
        assert arguments.command_content(content, settings) == content
        if size > 1:
            with pytest.raises(LimitExceededError):
                arguments.command_content(content, Settings(command_content_bytes=size - 1))


def test_parameters_are_enabled_by_being_given():
    assert check(command_content="{{a}}").parameters is None
    assert check(command_content="{{a}}", parameters={}).parameters == {}
    assert check(command_content="{{a}}", parameters={}, enable_parameter=False).parameters is None
    assert check(command_content="{{a}}", enable_parameter=True).parameters == {}
    assert check(command_content="{{A}}", parameters={"a": "1"}).parameters == {"a": "1"}


def test_the_same_arguments_have_the_same_digest_whatever_the_token():
    assert check().digest() == check(client_token="other").digest()
    assert check().digest() != check(timeout=61).digest()
    assert check().client_token != check().client_token


def test_a_stop_names_at_most_fifty_instances():
    assert stop_invocation.check(None) is None
    assert stop_invocation.check(["web-1"]) == ["web-1"]
    with pytest.raises(LimitExceededError):
        stop_invocation.check([f"i-{i}" for i in range(51)])
    with pytest.raises(InvalidParameterError):
        stop_invocation.check([])


@pytest.mark.parametrize("value", [0, 51, -1, "10", True, None])
def test_a_page_has_one_to_fifty_rows(value):
    assert [describe.page_size(1), describe.page_size(50)] == [1, 50]
    with pytest.raises(InvalidParameterError):
        describe.page_size(value)


@pytest.mark.parametrize("value", ["x", "-1", "1.5", None, 5])
def test_a_token_that_is_none_of_ours_is_refused(value):
    assert [describe.page_start(""), describe.page_start("50")] == [0, 50]
    if value is not None:
        with pytest.raises(InvalidParameterError):
            describe.page_start(value)
