"""What an agent logs never shows what was run, with what, or what came of it, also at the level DEBUG."""

import pytest

from support.agents import RUN, agent
from support.stacks import by_instance

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SCRIPT = "echo from-the-script-{{name}}; : in-the-script"
WORDS = ("in-the-script", "from-the-script", "of-the-parameter", "of-the-description")


@pytest.mark.matrix("I9")
def test_nothing_of_a_script_is_in_the_log(near, tmp_path):
    """However it ends: by itself, by a signal of its own, by a stop, by a refusal."""
    command = [*RUN, "--loglevel", "DEBUG"]
    with agent(near, "discreet", tmp_path, command=command) as running, near.assistant() as assistant:
        common = {
            "instance_ids": ["discreet"],
            "enable_parameter": True,
            "parameters": {"name": "of-the-parameter"},
            "description": "of-the-description",
        }
        told = assistant.run_command(SCRIPT, **common).wait(30)
        assert by_instance(told)["discreet"].output == "from-the-script-of-the-parameter\n"
        assistant.run_command(f"{SCRIPT}; kill -9 $$", **common).wait(30)
        assistant.run_command(SCRIPT, working_dir="/does/not/exist", **common).wait(30)
        assistant.run_command(f"#!/no/such/interpreter\n{SCRIPT}", **common).wait(30)
        long = assistant.run_command(f"{SCRIPT}; sleep 60", **common)
        assistant.stop_invocation(long.invoke_id)
        long.wait(30)
        assert "DEBUG" in running.log
        assert told.invoke_id in running.log
        assert [word for word in WORDS if word in running.log] == []


def test_nothing_of_a_script_is_in_the_logs_of_the_control_plane(near):
    with near.assistant() as assistant:
        run = assistant.run_command(
            SCRIPT, instance_ids=["near"], enable_parameter=True, parameters={"name": "of-the-parameter"}
        )
        run.wait(30)
    logs = "".join(path.read_text(errors="replace") for path in (near.data_dir / "logs").iterdir())
    assert logs
    assert [word for word in WORDS if word in logs] == []
