"""What an agent costs while it has nothing to do, with remote control and events on and off."""

import time
from collections.abc import Iterator

import psutil
import redis

from benchmarks.measure import Figure, ProcessorTime
from cloudassist.local import LocalStack

QUESTION = "idle agent"
MIB = 1024 * 1024
OFF = {"CLOUDASSIST_REMOTE_CONTROL": "no", "CLOUDASSIST_EVENTS": "no"}
_SETTLE_SECONDS = 3


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    seconds = 20 if quick else 60
    on = list(_one({}, "on", seconds, strict=False))
    off = list(_one(OFF, "off", seconds if quick else 300, strict=True))
    return on + off


def _one(settings: dict[str, str], name: str, seconds: int, *, strict: bool) -> Iterator[Figure]:
    def figure(what: str, value: float, unit: str, goal: str) -> Figure:
        return Figure(QUESTION, f"{what}, remote control and events {name}", value, unit, goal=goal if strict else "")

    with LocalStack(instances=1, environment=settings) as stack, redis.Redis.from_url(stack.url) as client:
        with stack.assistant() as assistant:
            for _ in range(20):
                assistant.run_command("true", instance_ids=stack.instance_ids).wait(timeout=30)
        for other in [other for other in stack.processes if not other.startswith(("agent@", "server"))]:
            stack.kill(other)
        time.sleep(_SETTLE_SECONDS)
        agent = psutil.Process(stack.processes["agent@web-1"].pid)
        used, before, begun = ProcessorTime([agent.pid]), _commands(client), time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - begun
        asked = _commands(client) - before - 1
        memory = agent.memory_full_info()
        yield Figure(QUESTION, f"RSS, remote control and events {name}", memory.rss / MIB, "MiB", goal="≤ 50")
        yield figure("USS", memory.uss / MIB, "MiB", "")
        yield figure(f"processor over {seconds} s", 100 * used.seconds() / elapsed, "%", "≤ 0.1")
        yield figure("connections", len(agent.net_connections()), "", "≤ 8")
        yield figure("commands", asked / elapsed, "/s", "≤ 0.5")


def _commands(client: redis.Redis) -> int:
    return int(client.info("stats")["total_commands_processed"])
