"""What an agent costs while it has nothing to do, with remote control and events on and off."""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import redis

from benchmarks.environment import environment
from benchmarks.measure import Figure, ProcessorTime
from cloudassist.local import LocalStack
from support.agents import agent

QUESTION = "idle agent"
MIB = 1024 * 1024
OFF = {"REMOTE_CONTROL": "no", "EVENTS": "no"}
_SETTLE_SECONDS = 3
_LOCK = Path("compose/requirements.lock")
_SOURCES = {"PYTHONPATH": os.pathsep.join(str(Path(folder).absolute()) for folder in ("broker", "workers"))}


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    seconds = 20 if quick else 60
    on = list(_one({}, "on", seconds, strict=False))
    off = list(_one(OFF, "off", seconds if quick else 300, strict=True))
    return on + off


def _one(settings: dict[str, str], name: str, seconds: int, *, strict: bool) -> Iterator[Figure]:
    def figure(what: str, value: float, unit: str, goal: str) -> Figure:
        return Figure(QUESTION, f"{what}, remote control and events {name}", value, unit, goal=goal if strict else "")

    with (
        LocalStack(instances=0) as stack,
        redis.Redis.from_url(stack.url) as client,
        tempfile.TemporaryDirectory() as folder,
        agent(stack, "web-1", Path(folder), command=_command(), environment=_SOURCES, **settings) as running,
    ):
        with stack.assistant() as assistant:
            for _ in range(20):
                assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=30)
        for other in stack.processes:
            if other != "server":
                stack.kill(other)
        time.sleep(_SETTLE_SECONDS)
        process = psutil.Process(running.process.pid)
        used, before, begun = ProcessorTime([process.pid]), _commands(client), time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - begun
        asked = _commands(client) - before - 1
        memory = process.memory_full_info()
        yield figure("RSS", memory.rss / MIB, "MiB", "≤ 50")
        yield figure("USS", memory.uss / MIB, "MiB", "")
        yield figure(f"processor over {seconds} s", 100 * used.seconds() / elapsed, "%", "≤ 0.1")
        yield figure("connections", len(process.net_connections()), "", "≤ 8")
        yield figure("commands", asked / elapsed, "/s", "≤ 0.5")


def _command() -> tuple[str, ...]:
    """Return the agent's command in an environment without what develops and tests it, some of which Celery loads."""
    name = f"agent-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    programs = environment(name, "--require-hashes", "--requirement", str(_LOCK))
    return (str(programs / "python"), "-m", "cloudassist_agent", "run")


def _commands(client: redis.Redis) -> int:
    return int(client.info("stats")["total_commands_processed"])
