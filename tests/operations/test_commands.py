"""Commands: create, clone, modify, delete, and run what is kept."""

import pytest

from cloudassist.errors import ConflictError, InvalidParameterError, LimitExceededError, NotFoundError
from cloudassist.models.command import Command
from cloudassist.store import keys

SCRIPT = "echo hello {{ Name }} from {{ACS::InstanceId}}"


@pytest.fixture
def greet(assistant):
    return assistant.create_command(
        SCRIPT, name="greet", description="says hello", working_dir="/tmp", timeout=30, enable_parameter=True
    )


def test_a_command_is_kept_as_it_was_given(assistant, greet):
    (found,) = assistant.describe_commands()
    assert found == greet
    assert greet == Command(
        command_id=greet.command_id,
        name="greet",
        type="RunShellScript",
        command_content=SCRIPT,
        description="says hello",
        working_dir="/tmp",
        timeout=30,
        enable_parameter=True,
        parameter_names=("name",),
        creation_time=greet.creation_time,
        caller="tester@here",
    )
    assert greet.creation_time is not None


def test_without_parameters_the_text_is_taken_as_it_stands(assistant):
    assert assistant.create_command(SCRIPT, name="plain").parameter_names == ()


def test_the_script_can_be_written_and_read_in_base64(assistant):
    command = assistant.create_command("ZWNobyDDvA==", name="encoded", content_encoding="Base64")
    assert command.command_content == "echo ü"
    (found,) = assistant.describe_commands(content_encoding="base64")
    assert found.command_content == "ZWNobyDDvA=="
    assert found.model_dump(by_alias=True)["CommandContent"] == "ZWNobyDDvA=="


def test_a_clone_is_the_next_version_with_what_was_changed(assistant, greet):
    clone = assistant.clone_command(greet.command_id, timeout=600, description="takes longer")
    assert (clone.version, clone.cloned_from) == (2, greet.command_id)
    changed = {"command_id", "timeout", "description", "version", "cloned_from", "creation_time"}
    assert clone.model_dump(exclude=changed) == greet.model_dump(exclude=changed)
    assert (clone.timeout, clone.description) == (600, "takes longer")
    third = assistant.clone_command(clone.command_id, command_content="echo {{other}}", name="greet-2")
    assert (third.version, third.name, third.parameter_names) == (3, "greet-2", ("other",))
    assert assistant.clone_command(greet.command_id).version == 2
    assert assistant.clone_command(third.command_id, enable_parameter=False).parameter_names == ()


def test_every_attribute_of_a_clone_can_be_changed(assistant, greet):
    changes = {
        "name": "n",
        "description": "d",
        "type": "RunPowerShellScript",
        "command_content": "Write-Output 1",
        "working_dir": "/",
        "timeout": 11,
        "enable_parameter": False,
    }
    clone = assistant.clone_command(greet.command_id, **changes)
    assert {name: getattr(clone, name) for name in changes} == changes
    assert next(iter(assistant.describe_commands(command_id=greet.command_id))) == greet


def test_name_and_description_can_be_modified(assistant, greet):
    assistant.modify_command(greet.command_id, name="greet-all")
    assistant.modify_command(greet.command_id, description="")
    (found,) = assistant.describe_commands(command_id=greet.command_id)
    assert (found.name, found.description, found.command_content) == ("greet-all", "", SCRIPT)


def test_runs_keep_what_they_were_planned_with(assistant, region, greet):
    run = assistant.invoke_command(greet.command_id, instance_ids=["web-1"], parameters={"name": "x"})
    assistant.modify_command(greet.command_id, name="other", description="else")
    region.end(run.invoke_id, "web-1")
    assistant.delete_command(greet.command_id)
    (found,) = assistant.describe_invocations(invoke_id=run.invoke_id)
    assert (found.command_name, found.command_description) == ("greet", "says hello")
    assert (found.command_content, found.command_id) == (SCRIPT, greet.command_id)


@pytest.mark.parametrize("command_id", ["c-0000000000000000", "", "x y"])
def test_an_unknown_command_is_not_found(assistant, command_id):
    calls = (
        lambda: assistant.clone_command(command_id),
        lambda: assistant.modify_command(command_id, name="n"),
        lambda: assistant.delete_command(command_id),
        lambda: assistant.invoke_command(command_id, instance_ids=["web-1"]),
    )
    for call in calls:
        with pytest.raises(NotFoundError) as caught:
            call()
        assert (caught.value.code, caught.value.status) == ("InvalidCmdId.NotFound", 404)
    assert list(assistant.describe_commands(command_id=command_id)) == []


def test_a_command_in_use_cannot_be_deleted(assistant, region, greet):
    first = assistant.invoke_command(greet.command_id, instance_ids=["web-1", "web-2"], parameters={})
    second = assistant.invoke_command(greet.command_id, instance_ids=["web-1"], parameters={})
    for ended in ((first, "web-1"), (first, "web-2"), (second, "web-1")):
        with pytest.raises(ConflictError) as caught:
            assistant.delete_command(greet.command_id)
        assert (caught.value.code, caught.value.status) == ("InvalidOperation.CommandInUse", 403)
        region.end(ended[0].invoke_id, ended[1])
    assistant.delete_command(greet.command_id)
    assert list(assistant.describe_commands()) == []
    with pytest.raises(NotFoundError):
        assistant.delete_command(greet.command_id)


def test_a_run_that_was_never_planned_to_its_end_does_not_hold_its_command(assistant, server, greet):
    server.zadd(keys.live(greet.command_id), {"t-unfinished": 1})
    assistant.delete_command(greet.command_id)


def test_invoke_counts_and_overrides(assistant, region, server, greet):
    run = assistant.invoke_command(
        greet.command_id,
        instance_ids=["web-1"],
        parameters={"NAME": "you"},
        timeout=99,
        working_dir="/var",
        username="nobody",
    )
    (found,) = assistant.describe_invocations(invoke_id=run.invoke_id)
    assert (found.timeout, found.working_dir, found.username) == (99, "/var", "nobody")
    assert found.parameters == '{"name":"you"}'
    assistant.invoke_command(greet.command_id, instance_ids=["web-1"], parameters={})
    (command,) = assistant.describe_commands()
    assert (command.invoke_times, command.timeout, command.working_dir) == (2, 30, "/tmp")
    payload = server.get(server.hget(keys.invocation(run.invoke_id), "payload"))
    for expected in ('"username":"nobody"', '"timeout":99', '"working_dir":"/var"', '"name":"you"'):
        assert expected in payload


def test_parameters_of_a_kept_command(assistant, greet):
    plain = assistant.create_command("true", name="plain")
    cases = [
        (plain, {"a": "1"}, "Parameter.Disabled", 400),
        (greet, None, "Parameter.MissingValue", 400),
        (greet, {"nobody": "1"}, "Parameter.NotMatched", 403),
    ]
    for command, parameters, code, status in cases:
        with pytest.raises(InvalidParameterError) as caught:
            assistant.invoke_command(command.command_id, instance_ids=["web-1"], parameters=parameters)
        assert (caught.value.code, caught.value.status) == (code, status)
    assistant.invoke_command(plain.command_id, instance_ids=["web-1"], parameters={})
    assistant.invoke_command(greet.command_id, instance_ids=["web-1"], parameters={})


def test_a_command_that_is_not_kept_goes_with_its_last_run(assistant, region, server):
    first = assistant.run_command("true", instance_ids=["web-1"])
    (command,) = assistant.describe_commands(command_id=first.command_id)
    assert not command.keep_command
    assert list(assistant.describe_commands()) == []
    second = assistant.invoke_command(first.command_id, instance_ids=["web-2"])
    assert server.pttl(keys.command(first.command_id)) > 0
    region.end(first.invoke_id, "web-1")
    assert len(assistant.describe_commands(command_id=first.command_id)) == 1
    region.end(second.invoke_id, "web-2")
    assert list(assistant.describe_commands(command_id=first.command_id)) == []
    assert server.keys("command:*") == server.keys("live:*") == []


def test_a_command_that_is_not_kept_goes_also_where_no_instance_could_take_it(assistant, region, server):
    region.register(["gone-1"], online=False)
    assert assistant.run_command("true", instance_ids=["gone-1"]).refresh().ended
    assert server.keys("command:*") == []


def test_a_command_can_be_kept_by_its_run(assistant, region):
    run = assistant.run_command(SCRIPT, instance_ids=["web-1"], parameters={}, keep_command=True, name="kept")
    region.end(run.invoke_id, "web-1")
    (command,) = assistant.describe_commands()
    assert (command.command_id, command.name, command.invoke_times) == (run.command_id, "kept", 1)
    assert command.parameter_names == ("name",)


def test_so_many_commands_are_kept_and_no_more(region):
    with region.assistant(kept_commands=2) as assistant:
        first = assistant.create_command("1", name="1")
        assistant.run_command("2", instance_ids=["web-1"], keep_command=True, name="2")
        assistant.run_command("3", instance_ids=["web-1"])
        for call in (
            lambda: assistant.create_command("4", name="4"),
            lambda: assistant.clone_command(first.command_id),
            lambda: assistant.run_command("4", instance_ids=["web-1"], keep_command=True, name="4"),
        ):
            with pytest.raises(LimitExceededError) as caught:
                call()
            assert (caught.value.code, caught.value.status) == ("CmdCount.ExceedQuota", 403)
            assert "2 commands" in caught.value.message
            assert "the limit is 2" in caught.value.message
        assert assistant.describe_invocations().total_count == 2
        assistant.delete_command(first.command_id)
        assistant.create_command("4", name="4")
        assert assistant.describe_commands().total_count == 2


def test_so_many_runs_are_called_for_in_a_day_and_no_more(region):
    with region.assistant(calls_per_day=3) as assistant:
        command = assistant.create_command("1", name="1")
        assistant.run_command("1", instance_ids=["web-1"], client_token="one")
        assistant.invoke_command(command.command_id, instance_ids=["web-1"])
        assistant.run_command("1", instance_ids=["web-1"], client_token="one")
        with pytest.raises(NotFoundError):
            assistant.run_command("1", instance_ids=["nobody"])
        assistant.run_command("1", instance_ids=["web-1"])
        with pytest.raises(LimitExceededError) as caught:
            assistant.run_command("1", instance_ids=["web-1"], keep_command=True, name="no")
        assert (caught.value.code, caught.value.status) == ("Invocation.ExceedQuota", 403)
        assert "the limit is 3" in caught.value.message
        assert assistant.describe_commands().total_count == 1
        assistant.run_command("1", instance_ids=["web-1"], client_token="one")


def test_tomorrow_counts_anew(region, server):
    with region.assistant(calls_per_day=1) as assistant:
        assistant.run_command("1", instance_ids=["web-1"])
        (today,) = server.keys("calls:*")
        assert 0 < server.ttl(today) <= 2 * 86_400
        server.rename(today, "calls:2000-01-01")
        assistant.run_command("1", instance_ids=["web-1"])
