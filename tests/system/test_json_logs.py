"""With CLOUDASSIST_LOG_FORMAT=json every line of every role is an object, from its start to its end."""

import json

import pytest

from cloudassist import LocalStack

pytestmark = pytest.mark.system

SCRIPT = "echo from-the-script-{{name}}; : in-the-script"
WORDS = ("in-the-script", "from-the-script", "of-the-parameter")


@pytest.mark.matrix("I9")
def test_every_line_is_an_object_that_says_what_it_is_about_and_nothing_secret(tmp_path):
    environment = {"CLOUDASSIST_LOG_FORMAT": "json"}
    with LocalStack(instances=1, data_dir=tmp_path, environment=environment) as stack, stack.assistant() as assistant:
        run = assistant.run_command(
            SCRIPT, instance_ids=["web-1"], enable_parameter=True, parameters={"name": "of-the-parameter"}
        )
        run.wait(30)
        refused = assistant.run_command("true", instance_ids=["web-1"], working_dir="/does/not/exist")
        refused.wait(30)
        (file,) = tmp_path.rglob("signing.key")
        key = file.read_text().strip()
    logs = {path.stem: path.read_text() for path in (tmp_path / "logs").glob("*.log")}
    del logs["server"]
    told = {role: [json.loads(line) for line in text.splitlines()] for role, text in logs.items()}
    assert {name.partition("@")[0].rstrip("-0123456789") for name in told} >= {"agent", "control", "dispatch", "beat"}
    for lines in told.values():
        assert lines
        assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines)
    agent = [line for name, lines in told.items() if name.startswith("agent") for line in lines]
    assert {line["instance_id"] for line in agent} == {"web-1"}
    assert {line["record_id"] for line in agent if line.get("invoke_id") == run.invoke_id} == {f"{run.invoke_id}.web-1"}
    assert [word for word in (*WORDS, key) if any(word in text for text in logs.values())] == []
