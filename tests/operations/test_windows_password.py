"""WindowsPasswordName: the name travels to the instance, and nothing else does."""

import json

from cloudassist.store import keys


def stored(server, invoke_id):
    return json.loads(server.get(server.hget(keys.invocation(invoke_id), "payload")))


def test_the_name_is_all_that_is_sent(assistant, server):
    def sent(**arguments):
        run = assistant.run_command("whoami", instance_ids=["web-1"], username="deploy", **arguments)
        return {
            name: value
            for name, value in stored(server, run.invoke_id).items()
            if name not in {"invoke_id", "command_id"}
        }

    without, with_name = sent(), sent(windows_password_name="deploy-password")
    assert with_name == without | {"windows_password_name": "deploy-password"}
    assert without["windows_password_name"] == ""


def test_a_kept_command_and_a_recurring_run_send_it_too(assistant, server, recurring, beat):
    command = assistant.create_command(name="who", type="RunBatScript", command_content="whoami")
    arguments = {"username": "deploy", "windows_password_name": "deploy-password"}
    run = assistant.invoke_command(command.command_id, instance_ids=["web-1"], **arguments)
    assert stored(server, run.invoke_id)["windows_password_name"] == "deploy-password"
    occurrence = beat.run(recurring(**arguments).invoke_id)
    assert stored(server, occurrence)["windows_password_name"] == "deploy-password"
