"""Machines that are to become instances: each is a folder, and shows the code that it was given."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cloudassist import LocalStack
from cloudassist.models.activation import Activation
from cloudassist.settings import PREFIX
from cloudassist_agent import enrolling
from cloudassist_agent.enrolling import Outcome
from support.agents import RUN, Agent, end

REGISTER = (sys.executable, "-m", "cloudassist_agent", "register")


def told(stack: LocalStack, folder: Path, **settings: str) -> dict[str, str]:
    """Return what a machine is told."""
    own = {"URL": stack.address, "STATE_DIR": str(folder), **settings}
    return {PREFIX + name: value for name, value in own.items()}


def register(stack: LocalStack, folder: Path, made: Activation, name: str = "", **settings: str) -> Outcome:
    """Enrol a machine, in this process: to start another one would take longer than all the rest."""
    return enrolling.register(told(stack, folder, **settings), made.activation_id, made.activation_code, name)


def command_line(
    stack: LocalStack, folder: Path, *arguments: str, text: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Enrol a machine by its command line."""
    environment = {"PATH": "/usr/bin:/bin", **told(stack, folder, **settings)}
    command = [*REGISTER, *arguments]
    return subprocess.run(command, env=environment, input=text, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Agent]:
    """Run the agent of a machine that is enrolled; it is told nothing but the state folder, unless there is more."""
    name = json.loads((folder / "enrolment.json").read_text())["instance_id"]
    log_file = folder.with_suffix(".log")
    own = {PREFIX + key: value for key, value in {"STATE_DIR": str(folder), **settings}.items()}
    environment = {"PATH": "/usr/bin:/bin", **own}
    with log_file.open("ab") as log:
        process = subprocess.Popen(RUN, env=environment, stdout=log, stderr=log, start_new_session=True)
    machine = Agent(name, process, log_file)
    try:
        machine.wait_for("consuming from")
        yield machine
    finally:
        end(process)
