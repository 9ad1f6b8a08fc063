"""Commands that are kept, on real instances."""

import asyncio
import os

import pytest

from cloudassist import AsyncAssistant, InvokeStatus
from cloudassist.errors import ConflictError
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = pytest.mark.system

AWKWARD = "ü 你好 👋\n'\"$(touch /tmp/no)`id` \\ {{name}} {{ACS::InstanceId}}\ttab  \n\n"


@pytest.fixture
def command(assistant):
    command = assistant.create_command(
        "echo {{greeting}} from {{ACS::InstanceId}}", name="greet", enable_parameter=True
    )
    yield command
    assistant.delete_command(command.command_id)


def only(invocation):
    (result,) = invocation.wait(timeout=30).results()
    return result


def test_a_kept_command_runs_with_other_values_each_time(assistant, command):
    for greeting in ("hello", "goodbye"):
        invocation = assistant.invoke_command(
            command.command_id, instance_ids=["web-1", "web-2"], parameters={"Greeting": greeting}
        )
        assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
        assert {name: result.output for name, result in by_instance(invocation).items()} == {
            name: f"{greeting} from {name}\n" for name in ("web-1", "web-2")
        }
    assert assistant.describe_commands(command_id=command.command_id)[0].invoke_times == 2


def test_a_value_arrives_byte_for_byte_in_a_real_script(assistant):
    script = "cat <<'THE-END-OF-IT'\n{{value}}THE-END-OF-IT\n"
    result = only(assistant.run_command(script, instance_ids=["web-1"], parameters={"value": AWKWARD}))
    assert result.output == AWKWARD


def test_built_ins_are_filled_in_per_instance(assistant):
    script = "echo {{ACS::InstanceId}} {{ ACS::InstanceName }} {{ACS::InvokeId}} {{ACS::CommandId}} {{ACS::RegionId}}"
    invocation = assistant.run_command(script, instance_ids=["web-1", "web-2"], parameters={}).wait(timeout=20)
    for name, result in by_instance(invocation).items():
        assert result.output.split() == [name, name, invocation.invoke_id, invocation.command_id, "local"]


def test_a_run_can_override_the_folder(assistant, tmp_path):
    command = assistant.create_command("pwd", name="where", working_dir="/")
    outputs = [
        only(assistant.invoke_command(command.command_id, instance_ids=["web-1"], **changes)).output
        for changes in ({}, {"working_dir": str(tmp_path)}, {})
    ]
    assert outputs == ["/\n", f"{tmp_path}\n", "/\n"]
    assistant.delete_command(command.command_id)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run scripts as somebody else")
def test_a_run_can_be_somebody_elses(assistant):
    script = 'id -un; id -gn; id -Gn; echo "$HOME $USER $LOGNAME"; umask; ls -ld "$(dirname "$0")" | cut -c1-10'
    result = only(assistant.run_command(script, instance_ids=["web-1"], username="nobody", working_dir="/"))
    name, group, groups, variables, umask, mode = result.output.splitlines()
    assert (name, group, groups.split(), umask) == ("nobody", "nogroup", ["nogroup"], "0022")
    assert variables == "/nonexistent nobody nobody"
    assert mode == "drwx------"
    assert result.username == "nobody"


def test_a_user_that_is_not_there(assistant):
    result = only(assistant.run_command("id", instance_ids=["web-1"], username="no-such-user"))
    assert (result.status, result.error_code, result.detail_status) == ("Failed", "AccountNotExists", "Invalid")
    assert "no-such-user" in result.error_info


def test_instances_are_chosen_by_their_tags(assistant, stack):
    invocation = assistant.run_command("true", resource_tags={"role": "web", "zone": "a"}).wait(timeout=20)
    assert list(by_instance(invocation)) == stack.instance_ids


def test_a_command_cannot_be_deleted_while_it_runs(assistant):
    command = assistant.create_command("sleep 60", name="long")
    invocation = assistant.invoke_command(command.command_id, instance_ids=["web-1"])
    with pytest.raises(ConflictError):
        assistant.delete_command(command.command_id)
    invocation.stop()
    invocation.wait(timeout=20)
    assistant.delete_command(command.command_id)
    assert assistant.describe_invocations(invoke_id=invocation.invoke_id)[0].command_content == "sleep 60"


def test_a_command_that_is_not_kept_is_gone_after_its_run(assistant):
    invocation = assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    wait_until(lambda: not assistant.describe_commands(command_id=invocation.command_id), "the command to go")


def test_the_newer_statuses_come_with_the_older_ones(assistant):
    invocation = assistant.run_command("sleep 1; exit 3", instance_ids=["web-1"])

    def seen():
        (row,) = assistant.describe_invocations(invoke_id=invocation.invoke_id)
        return (row.status, row.detail_status)

    wait_until(lambda: seen() == ("Running", "Running"), "the run to be seen running")
    invocation.wait(timeout=20)
    assert seen() == ("Finished", "Failed")


def test_an_asyncio_producer(stack):
    async def act():
        async with AsyncAssistant(settings=stack.settings) as assistant:
            runs = [await assistant.run_command("echo hi", instance_ids=stack.instance_ids) for _ in range(3)]
            await asyncio.gather(*(run.wait(20) for run in runs))
            return [[result.output async for result in run.results()] for run in runs]

    assert asyncio.run(act()) == [["hi\n"] * 3] * 3
