"""Agents beside those of a stack: at the far end of a network, with other settings, started and stopped by a test."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cloudassist import Assistant, Invocation, InvokeStatus, LocalStack
from cloudassist.errors import CloudAssistError
from cloudassist.settings import PREFIX
from support.waiting import wait_until

RUN = (sys.executable, "-m", "cloudassist_agent", "run")
END_SECONDS = 15.0


@dataclass
class Agent:
    """One agent's process, and what it has logged."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Wait until something stands in its log."""
        wait_until(lambda: text in self.log, f"{text!r} in the log of {self.name}", seconds)

    def term(self) -> float:
        """Send SIGTERM and wait for the end; return the seconds that it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(END_SECONDS) == 0, self.log
        return time.monotonic() - begun


@contextlib.contextmanager
def agent(
    stack: LocalStack,
    name: str,
    folder: Path,
    *,
    url: str | None = None,
    command: Sequence[str] = RUN,
    wait: bool = True,
    environment: dict[str, str] | None = None,
    **settings: str,
) -> Iterator[Agent]:
    """Run an agent of a stack with a state folder of its own; ``wait`` for it to consume."""
    admitted = stack.admit(name)
    if url is not None:
        settings["URL"] = with_login(url, admitted[f"{PREFIX}URL"])
    own = {"INSTANCE_ID": name, "STATE_DIR": str(folder / name), **settings}
    variables = {
        "PATH": "/usr/bin:/bin",
        **admitted,
        **{PREFIX + key: value for key, value in own.items()},
        **(environment or {}),
    }
    folder.mkdir(exist_ok=True)
    log_file = folder / f"{name}.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, start_new_session=True)
    running = Agent(name, process, log_file)
    try:
        if wait:
            running.wait_for("consuming from")
            with stack.assistant() as assistant:
                wait_until(
                    lambda: len(assistant.describe_instances(online=True, instance_name=name)), f"{name} online", 30
                )
        yield running
    finally:
        end(process)


def with_login(url: str, login: str) -> str:
    """Return a URL with the user and password of another, unless it has its own."""
    given, known = urlsplit(url), urlsplit(login)
    if given.username:
        return url
    return given._replace(netloc=f"{known.username}:{known.password}@{given.netloc}").geturl()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, politely at first."""
    for number in (signal.SIGCONT, signal.SIGTERM):
        process.send_signal(number)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_SECONDS)


def run_soon(assistant: Assistant, instance_id: str, seconds: float, script: str = "echo served") -> Invocation:
    """Run a script on an instance again and again until it finished; fails where that takes longer."""
    begun = time.monotonic()
    last: object = None
    while (left := seconds - (time.monotonic() - begun)) > 0:
        try:
            invocation = assistant.run_command(script, instance_ids=[instance_id]).wait(left)
        except (CloudAssistError, TimeoutError) as error:
            last = error
            continue
        if invocation.status is InvokeStatus.FINISHED:
            return invocation
        last = [(result.status, result.error_code) for result in invocation.results()]
    raise AssertionError(f"{instance_id} was not served within {seconds} s; the last answer was {last}")
