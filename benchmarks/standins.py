"""Many agents at rest as their server sees them: as many connections, and the same commands at the same pace.

``python -m benchmarks.standins PORT COUNT`` prints ``ready`` when all are connected, and goes on until it is ended.
With remote control and events off: two pops that wait, a sign of life in four commands, and two connections that wait.
"""

import asyncio
import sys
from itertools import chain

from cloudassist import limits, topology
from cloudassist.embedded import HOST
from cloudassist.presence import Presence
from cloudassist.request import Word, pack
from cloudassist.transport import POP_SECONDS

CONNECTIONS = 5
"""Of one agent, as measured (docs/performance.md, *An idle agent*)."""
_AT_A_TIME = 100
_ALIVE = Presence("bench/bench", 0, (), 10).encode()


async def _asked_again(
    port: int, requests: list[tuple[Word, ...]], lines: int, pause: float, first_pause: float, connected: asyncio.Event
) -> None:
    """Ask the same again and again; each answer to it has so many lines."""
    reader, writer = await asyncio.open_connection(HOST, port)
    connected.set()
    await asyncio.sleep(first_pause)
    while True:
        writer.write(pack(requests))
        for _ in range(lines):
            await reader.readline()
        await asyncio.sleep(pause)


def _ways(name: str) -> list[tuple[list[tuple[Word, ...]], int, float]]:
    """Return what is asked on each connection of an agent, how many lines the answer has, and the pause (s)."""
    life = limits.PRESENCE_LIFETIME_SECONDS * 1_000
    sign: list[tuple[Word, ...]] = [
        ("GET", topology.KEY_SET_KEY),
        ("TIME",),
        ("SET", topology.presence_key(name), _ALIVE, "PX", life),
        ("MGET", topology.owner_key(name)),
    ]
    return [
        ([("BRPOP", topology.instance_queue(name), POP_SECONDS)], 1, 0),
        ([("BRPOP", topology.control_queue(name), POP_SECONDS)], 1, 0),
        (sign, 1 + 5 + 1 + 2, limits.PRESENCE_INTERVAL_SECONDS),
        *[([("PING",)], 1, 3_600.0)] * (CONNECTIONS - 3),
    ]


async def stand_in(port: int, count: int) -> None:
    """Stand in for so many agents."""
    ways = list(chain.from_iterable(_ways(f"i-{number:06}") for number in range(count)))
    tasks = []
    for start in range(0, len(ways), _AT_A_TIME):
        events = []
        for place, (requests, lines, pause) in enumerate(ways[start : start + _AT_A_TIME], start):
            events.append(asyncio.Event())
            # Spread over the pause, as agents are that were not all started in one moment.
            first = limits.PRESENCE_INTERVAL_SECONDS * place / len(ways)
            tasks.append(asyncio.create_task(_asked_again(port, requests, lines, pause, first, events[-1])))
        await asyncio.gather(*(event.wait() for event in events))
    print("ready", flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(stand_in(int(sys.argv[1]), int(sys.argv[2])))
