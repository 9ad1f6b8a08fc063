"""Bad input is refused before anything is asked of the server, with field, limit and value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist import parameters
from cloudassist.content_encoding import ContentEncoding, base64_bytes
from cloudassist.errors import InvalidParameterError, LimitExceededError, NotSupportedError
from cloudassist.operations import arguments, definition, values
from cloudassist.operations.clone_command import clone_command
from cloudassist.operations.create_command import create_command
from cloudassist.operations.definition import Definition
from cloudassist.operations.delete_command import delete_command
from cloudassist.operations.describe_audit_trail import describe_audit_trail
from cloudassist.operations.describe_cloud_assistant_status import describe_cloud_assistant_status
from cloudassist.operations.describe_commands import describe_commands
from cloudassist.operations.describe_instances import describe_instances
from cloudassist.operations.describe_invocation_results import describe_invocation_results
from cloudassist.operations.describe_invocations import describe_invocations
from cloudassist.operations.invoke_command import invoke_command
from cloudassist.operations.modify_command import modify_command
from cloudassist.operations.run_command import run_command
from cloudassist.operations.run_request import RunRequest
from cloudassist.operations.steps import Context, Course, Sign
from cloudassist.operations.stop_invocation import stop_invocation
from cloudassist.operations.targets import Targets
from cloudassist.settings import Settings
from support.data import table

SETTINGS = Settings()
CONTEXT = Context(SETTINGS, "me")
RUN = {"command_content": "echo", "instance_ids": ["web-1"]}
GOOD = {
    run_command: RUN,
    invoke_command: {"command_id": "c-1", "instance_ids": ["web-1"]},
    create_command: {"command_content": "echo", "name": "greet"},
    clone_command: {"command_id": "c-1"},
    modify_command: {"command_id": "c-1", "name": "greet"},
    delete_command: {"command_id": "c-1"},
    stop_invocation: {"invoke_id": "t-1"},
    describe_commands: {},
    describe_invocations: {},
    describe_invocation_results: {},
    describe_instances: {},
    describe_cloud_assistant_status: {},
    describe_audit_trail: {},
}
OPERATIONS = {operation.__name__: operation for operation in GOOD}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def begin(operation, **changes):
    """Begin an operation; it goes as far as its first step."""
    return Course(operation(CONTEXT, **(GOOD[operation] | changes)))


def defined(content="echo", *, enable=False, settings=SETTINGS, **changes):
    others = {
        "content_encoding": "PlainText",
        "type": "RunShellScript",
        "name": "",
        "description": "",
        "working_dir": "",
        "timeout": None,
    }
    return Definition.check(settings, command_content=content, enable_parameter=enable, **(others | changes))


@pytest.mark.matrix("F60", "F64")
@pytest.mark.parametrize("row", table("bad_arguments"), ids=lambda row: f"{row.get('operation', '')} {row['what']}")
def test_bad_input_is_named(row):
    with pytest.raises(InvalidParameterError) as caught:
        begin(OPERATIONS[row.get("operation", "run_command")], **row["given"])
    assert caught.value.code == row["code"]
    assert caught.value.status == row["status"]
    for said in row["says"]:
        assert said in caught.value.message


@pytest.mark.parametrize("operation", GOOD, ids=lambda operation: operation.__name__)
def test_good_input_gets_as_far_as_the_server(operation):
    assert not begin(operation).ended


@pytest.mark.parametrize("operation", [run_command, invoke_command, create_command, describe_commands])
def test_an_argument_that_nobody_knows_is_a_programming_mistake(operation):
    with pytest.raises(TypeError, match=r"got an unexpected keyword argument 'lancher'"):
        begin(operation, lancher="python3")


def test_what_is_done_anyway_may_be_asked_for():
    assert not begin(run_command, repeat_mode="Once", termination_mode="ProcessTree", launcher=None).ended
    with pytest.raises(NotSupportedError):
        begin(run_command, repeat_mode="NextRebootOnly")


def test_the_key_is_asked_for_before_anything_is_planned():
    assert begin(run_command).step == Sign()


@pytest.mark.matrix("F53")
def test_limits_at_their_edge():
    content = "x" * (12 * 1024)
    assert len(content) * 4 // 3 == SETTINGS.command_content_bytes
    assert defined(content).content == content
    with pytest.raises(LimitExceededError) as caught:
        defined(content + "x")
    assert "16388" in caught.value.message
    assert "16384" in caught.value.message
    assert [arguments.timeout(value, SETTINGS) for value in (10, 86_400, None)] == [10, 86_400, 60]
    assert len(arguments.instance_ids([f"i-{i}" for i in range(100)], SETTINGS.instances_per_call)) == 100
    with pytest.raises(LimitExceededError):
        arguments.instance_ids([f"i-{i}" for i in range(101)], SETTINGS.instances_per_call)
    long = defined(name="n" * 128, description="d" * 512, working_dir="/" + "w" * 199)
    assert [len(text) for text in (long.name, long.description, long.working_dir)] == [128, 512, 200]
    assert arguments.username("u" * 255, SETTINGS) == "u" * 255


def test_limits_are_settings():
    settings = Settings(timeout_default_seconds=5, timeout_minimum_seconds=1, parameter_count=1, instances_per_call=2)
    assert arguments.timeout(None, settings) == 5
    assert arguments.timeout(1, settings) == 1
    with pytest.raises(LimitExceededError):
        defined("{{a}}{{b}}", enable=True, settings=settings)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6_000))
def test_the_size_rule_counts_base64(content):
    size = base64_bytes(content.encode())
    assert size == len(ContentEncoding.BASE64.write(content.encode()))
    if content.strip():
        assert definition.script(content, "PlainText", Settings(command_content_bytes=max(size, 1))) == content
        if size > 1:
            with pytest.raises(LimitExceededError):
                definition.script(content, "PlainText", Settings(command_content_bytes=size - 1))


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), TEXT, min_size=1))
def test_a_run_counts_its_script_and_its_parameters_together_to_the_byte(given_values):
    content = "{{a}}{{b}}{{c}}"
    size = base64_bytes(content.encode()) + base64_bytes(values.compact(given_values).encode())
    command = defined(content, enable=True)
    assert values.check(command, given_values, Settings(command_content_bytes=size)) == given_values
    with pytest.raises(LimitExceededError) as caught:
        values.check(command, given_values, Settings(command_content_bytes=size - 1))
    assert str(size) in caught.value.message


def test_parameters_that_are_not_given_do_not_count():
    content = "x" * (12 * 1024 - 5) + "{{a}}"
    command = defined(content, enable=True)
    assert values.check(command, {}, SETTINGS) == {}
    with pytest.raises(LimitExceededError):
        values.check(command, {"a": ""}, SETTINGS)


@given(TEXT)
def test_a_value_survives_the_way_into_the_script(value):
    command = defined("[{{ Name }}]", enable=True)
    checked = values.check(command, {"NAME": value}, Settings(command_content_bytes=64 * 1024))
    assert parameters.render(command.content, checked, {}) == f"[{value}]"


@given(TEXT.filter(lambda text: text.strip()))
def test_base64_and_plain_text_say_the_same(content):
    settings = Settings(command_content_bytes=64 * 1024)
    encoded = ContentEncoding.BASE64.write(content.encode())
    assert definition.script(encoded, "BASE64", settings) == definition.script(content, "plaintext", settings)


def test_parameters_are_enabled_by_being_given():
    assert values.enabled(None, None) is False
    assert values.enabled({}, None) is True
    assert values.enabled({}, enable=False) is False
    assert values.enabled(None, enable=True) is True
    assert values.check(defined("{{a}}"), {}, SETTINGS) is None
    assert values.check(defined("{{A}}", enable=True), {"a": "1"}, SETTINGS) == {"a": "1"}


def test_a_kept_command_with_parameters_must_be_given_some():
    command = defined("{{a}}{{b}}", enable=True)
    values.required(command, {})
    values.required(defined("{{ACS::InvokeId}}", enable=True), None)
    with pytest.raises(InvalidParameterError) as caught:
        values.required(command, None)
    assert caught.value.code == "Parameter.MissingValue"
    assert "a, b" in caught.value.message


def request(**changes):
    given_arguments = {
        "operation": "RunCommand",
        "definition": defined(),
        "targets": Targets(("web-1",), None),
        "parameters": None,
        "secret_names": frozenset(),
        "windows_password_name": "",
        "timeout": 60,
        "working_dir": "",
        "username": "",
        "frequency": "",
        "deliver_within": 0,
        "client_token": "one",
    }
    return RunRequest(**(given_arguments | changes))


def test_the_same_arguments_have_the_same_digest_whatever_the_token():
    assert request().digest() == request(client_token="other").digest()
    different = [
        request(timeout=61),
        request(definition=defined("other")),
        request(targets=Targets(None, {"a": "b"})),
        request(parameters={"a": "1"}),
        request(parameters={"a": "1"}, secret_names=frozenset({"a"})),
        request(windows_password_name="admin"),
        request(username="root"),
        request(frequency="rate(30s)"),
        request(deliver_within=3_600),
        request(keep_command=True),
        request(operation="InvokeCommand", command_id="c-1"),
    ]
    assert len({each.digest() for each in [request(), *different]}) == 1 + len(different)


def test_a_renamed_command_is_still_the_same_to_its_runs():
    named = request(command_id="c-1", definition=defined(name="a"))
    assert named.digest() == request(command_id="c-1", definition=defined(name="b")).digest()


def test_a_secret_value_is_neither_in_the_digest_nor_shown():
    """A weak password could be guessed from a hash of it."""
    one, other = (request(parameters={"a": value}, secret_names=frozenset({"a"})) for value in ("S3CRET", "other"))
    assert one.digest() == other.digest()
    assert "S3CRET" not in repr(one)
