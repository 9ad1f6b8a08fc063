"""How soon an instance is served again after an outage and over a half-open line, beside a plain Celery worker."""

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from celery.exceptions import TimeoutError as CeleryTimeoutError

from benchmarks import plain_celery, stage
from benchmarks.measure import Figure, median
from benchmarks.plain_workers import plain_workers
from cloudassist.local import LocalStack
from support.agents import agent, run_soon
from support.proxy import Proxy, proxy

QUESTION = "reconnect"
OUTAGE_SECONDS = 20.0
"""Long enough for the pauses of both to have grown."""
PATIENCE_SECONDS = 60.0
"""What takes longer is told as this long."""
_ASK_SECONDS = 1.0


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    rounds = 1 if quick else 3
    ours = _ours(rounds)
    theirs = _theirs()
    figures = []
    for what, goal in (("outage of 20 s", "≤ 5 s"), ("half-open line", "≤ 20 s")):
        peer = theirs[what]
        figures += [
            Figure(QUESTION, f"{what}: plain Celery, served again after", peer, "s"),
            Figure(
                QUESTION, f"{what}: an agent, served again after", ours[what], "s", ours[what] / peer, "Celery", goal
            ),
        ]
    return figures


def _ours(rounds: int) -> dict[str, float]:
    with contextlib.ExitStack() as open_:
        stack = open_.enter_context(LocalStack(instances=["near"]))
        network = open_.enter_context(proxy(stack.port))
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="cloudassist-bench-")))
        assistant = open_.enter_context(stack.assistant())
        open_.enter_context(agent(stack, "far", folder, url=network.url))
        return _trials(network, rounds, lambda: run_soon(assistant, "far", PATIENCE_SECONDS))


def _theirs() -> dict[str, float]:
    with stage.server() as (url, folder), proxy(urlsplit(url).port or 0) as network:
        app = plain_celery.make(url)
        plain = plain_celery.task_of(app)

        def served() -> None:
            """Ask again and again: what a worker's dead connection has popped is lost."""
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline:
                result = plain.apply_async(("true",), queue="plain.0")
                with contextlib.suppress(CeleryTimeoutError):
                    result.get(timeout=_ASK_SECONDS)
                    return
                result.forget()

        with plain_workers(network.url, folder, 1):
            return _trials(network, 1, served)


def _trials(network: Proxy, rounds: int, served: Callable[[], object]) -> dict[str, float]:
    """Return the median seconds to be served again, by what happened."""

    def outage() -> None:
        network.refuse()
        time.sleep(OUTAGE_SECONDS)
        network.accept()

    taken: dict[str, float] = {}
    for what, happen in (("outage of 20 s", outage), ("half-open line", network.freeze)):
        seconds = []
        for _ in range(rounds):
            served()
            happen()
            begun = time.monotonic()
            served()
            seconds.append(time.monotonic() - begun)
        taken[what] = median(seconds)
    return taken
