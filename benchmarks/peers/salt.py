"""Salt: a master and so many minions, which accept each other."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.environment import environment
from benchmarks.peers.asked import PROGRAMS, Asked, asked
from cloudassist.embedded import free_port

_END_SECONDS = 5


@contextlib.contextmanager
def fleet(folder: Path, count: int) -> Iterator[Asked]:
    """Run them; yield a client when all minions answer."""
    programs = environment("salt", "salt")
    ports = {"publish_port": free_port(), "ret_port": free_port()}
    master = {**ports, "interface": "127.0.0.1", "auto_accept": True}
    minion = {
        "master": "127.0.0.1",
        "master_port": ports["ret_port"],
        "publish_port": ports["publish_port"],
        "enable_fqdns_grains": False,
    }
    configuration = _configure(folder / "master", "master", master)
    commands = [[programs / "salt-master", "-c", configuration]]
    for number in range(count):
        own = _configure(folder / f"m{number}", "minion", minion | {"id": f"minion-{number}"})
        commands.append([programs / "salt-minion", "-c", own])
    program = [programs / "python", PROGRAMS / "salt_client.py", str(configuration / "master"), str(count)]
    with _processes(commands), asked(program) as client:
        yield client


def _configure(folder: Path, kind: str, settings: dict[str, object]) -> Path:
    """Write the settings of a process, which then keeps all that it has below its folder; JSON is YAML as well."""
    folder.mkdir()
    (folder / kind).write_text(json.dumps(settings | {"root_dir": str(folder)}))
    return folder


@contextlib.contextmanager
def _processes(commands: Sequence[Sequence[str | Path]]) -> Iterator[None]:
    """Run programs, each with what it starts in a session of its own, of which nothing is left at the end."""
    started = []
    try:
        for command in commands:
            with Path(command[-1], "log").open("w") as log:
                started.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        yield
    finally:
        for process in started:
            process.terminate()
        deadline = time.monotonic() + _END_SECONDS
        for process in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
