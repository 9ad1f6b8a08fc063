"""How fast do orders go out? Against raw pipelined LPUSH, and against a loop of Celery's apply_async."""

import time
from pathlib import Path

import redis
from celery import Task

from benchmarks import plain_celery, stage
from benchmarks.measure import Figure, median
from cloudassist import ids
from cloudassist.client import Assistant
from cloudassist.fanout import Fanout
from cloudassist.keyring import SigningKey
from cloudassist.orders import Order, Purpose
from cloudassist.settings import Settings

QUESTION = "fan-out"
SCRIPT = "#" * 1_000 + "\necho hello"


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    count, rounds = (2_000, 3) if quick else (10_000, 5)
    names = [f"i-{number:05}" for number in range(count)]
    rates: dict[str, list[float]] = {"lpush": [], "publish": [], "run_command": [], "apply_async": []}
    with stage.server() as (url, folder), redis.Redis.from_url(url) as client:
        stage.pretend(url, names)
        settings = stage.settings(url, folder, count)
        for _ in range(rounds):
            rates["lpush"].append(count / _lpush(client, names))
            rates["publish"].append(count / _publish(settings.signing_key_file, settings, names))
            with Assistant(settings=settings) as assistant:
                assistant.run_command(SCRIPT, instance_ids=names[:1])
                begun = time.perf_counter()
                assistant.run_command(SCRIPT, instance_ids=names)
                rates["run_command"].append(count / (time.perf_counter() - begun))
            # A new application each time: one that has declared its queues before is twice as fast.
            plain = plain_celery.task_of(plain_celery.make(url))
            rates["apply_async"].append(count // 10 / _apply_async(plain, names[: count // 10]))
            client.flushall()
            stage.pretend(url, names)
    middle = {name: median(values) for name, values in rates.items()}
    loop, floor = middle["apply_async"], middle["lpush"]
    return [
        Figure(QUESTION, f"raw pipelined LPUSH of a ready order, {count}", floor, "messages/s"),
        Figure(QUESTION, "apply_async loop", loop, "messages/s", loop / floor, "raw LPUSH"),
        Figure(QUESTION, "sign and publish", middle["publish"], "messages/s", middle["publish"] / floor, "raw LPUSH"),
        Figure(
            QUESTION,
            "sign and publish",
            middle["publish"],
            "messages/s",
            middle["publish"] / loop,
            "apply_async",
            "≥ 15",
        ),
        Figure(
            QUESTION,
            "run_command: plan, sign, publish",
            middle["run_command"],
            "instances/s",
            middle["run_command"] / loop,
            "apply_async",
        ),
    ]


def _orders(names: list[str]) -> list[Order]:
    invoke_id = ids.new_invoke_id()
    far = 2**45
    return [
        Order(Purpose.RUN, ids.record_id(invoke_id, name), 0, far, far, "payload:" + "x" * 32, "h" * 44)
        for name in names
    ]


def _publish(key: Path, settings: Settings, names: list[str]) -> float:
    fanout = Fanout(settings, SigningKey.load(key))
    fanout.publish(_orders(names[:1]))
    orders = _orders(names)
    begun = time.perf_counter()
    assert fanout.publish(orders)
    taken = time.perf_counter() - begun
    fanout.close()
    return taken


def _lpush(client: redis.Redis, names: list[str]) -> float:
    item = client.lindex(f"instance.{names[0]}", 0) or b"x" * 1_000
    begun = time.perf_counter()
    with client.pipeline(transaction=False) as pipe:
        for number, name in enumerate(names, 1):
            pipe.lpush(f"instance.{name}", item)
            if number % 1_000 == 0:
                pipe.execute()
        pipe.execute()
    return time.perf_counter() - begun


def _apply_async(plain: Task, names: list[str]) -> float:
    plain.apply_async((SCRIPT,), queue="plain.warm")
    begun = time.perf_counter()
    for name in names:
        plain.apply_async((SCRIPT,), queue=f"plain.{name}")
    return time.perf_counter() - begun
