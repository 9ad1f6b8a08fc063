"""What Cloud Assistant does, one idea each. Read these first."""

from cloudassist import InvocationStatus, InvokeStatus


def test_a_script_runs_on_every_instance_it_is_sent_to(assistant, stack):
    invocation = assistant.run_command(
        "echo hello from {{ACS::InstanceId}}", instance_ids=stack.instance_ids, parameters={}
    )
    assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
    assert [result.instance_id for result in invocation.results()] == ["web-1", "web-2", "web-3"]


def test_parameters_are_filled_into_the_script(assistant):
    invocation = assistant.run_command("echo hello {{name}}", instance_ids=["web-1"], parameters={"name": "world"})
    (result,) = invocation.wait(timeout=20).results()
    assert result.output == "hello world\n"


def test_finished_does_not_mean_that_it_went_well(assistant):
    (result,) = assistant.run_command("exit 3", instance_ids=["web-1"]).wait(timeout=20).results()
    assert result.status is InvocationStatus.FINISHED
    assert result.exit_code == 3
    assert result.error_code == "ExitCodeNonzero"
    assert result.detail_status == "Failed"


def test_a_run_can_be_stopped(assistant):
    invocation = assistant.run_command("sleep 60", instance_ids=["web-1", "web-2"])
    invocation.stop(["web-1"])
    invocation.stop()
    assert invocation.wait(timeout=20).status is InvokeStatus.STOPPED


def test_whoever_asks_later_finds_the_same_run(assistant, stack):
    invoke_id = assistant.run_command("echo later", instance_ids=["web-2"]).wait(timeout=20).invoke_id
    with stack.assistant() as somebody_else:
        (result,) = somebody_else.invocation(invoke_id).results()
    assert result.output == "later\n"


def test_instances_say_who_they_are(assistant):
    instance = assistant.describe_instances(["web-1"])[0]
    assert instance.online
    assert instance.os_type == "Linux"
    assert instance.tags == {"role": "web", "zone": "a"}
