"""How fast do orders go out, and how long do others wait meanwhile? Against raw LPUSH, and apply_async in a loop."""

import time
from pathlib import Path

import redis
from celery import Task

from benchmarks import plain_celery, stage
from benchmarks.measure import Figure, ProcessorTime, median, percentile
from benchmarks.stalls import Stalls
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
    costs = []
    with stage.server() as (url, folder), redis.Redis.from_url(url) as client:
        stage.pretend(url, names)
        settings = stage.settings(url, folder, count)
        for _ in range(rounds):
            rates["lpush"].append(count / _lpush(client, names))
            rates["publish"].append(count / _publish(settings.signing_key_file, settings, names))
            taken, *cost = _run_command(settings, names, client)
            rates["run_command"].append(count / taken)
            costs.append([1e6 * each / count for each in cost])
            # A new application each time: one that has declared its queues before is twice as fast.
            plain = plain_celery.task_of(plain_celery.make(url))
            rates["apply_async"].append(count // 10 / _apply_async(plain, names[: count // 10]))
            client.flushall()
            stage.pretend(url, names)
    middle = {name: median(values) for name, values in rates.items()}
    loop, floor, run = middle["apply_async"], middle["lpush"], middle["run_command"]
    what = "run_command: plan, sign, publish"
    producer, server = (median(values) for values in zip(*costs, strict=True))
    return [
        Figure(QUESTION, f"raw pipelined LPUSH of a ready order, {count}", floor, "messages/s"),
        Figure(QUESTION, "apply_async loop", loop, "messages/s", loop / floor, "raw LPUSH"),
        Figure(QUESTION, "sign and publish", middle["publish"], "messages/s", middle["publish"] / floor, "raw LPUSH"),
        Figure(QUESTION, "… as before", middle["publish"], "messages/s", middle["publish"] / loop, "apply_async"),
        Figure(QUESTION, what, run, "instances/s", run / loop, "apply_async", "≥ 15,000/s and ≥ 15"),
        Figure(QUESTION, "… the producer's processor for each", producer, "µs"),
        Figure(QUESTION, "… the server's processor for each", server, "µs"),
        *_always(count, rounds, run),
        *_stalls(count, rounds),
    ]


def _always(count: int, rounds: int, relaxed: float) -> list[Figure]:
    """Measure a run where the server has every write on its disk before it answers, as in a deployment."""
    names = [f"i-{number:05}" for number in range(count)]
    rates = []
    with stage.server() as (url, folder), redis.Redis.from_url(url) as client:
        settings = stage.settings(url, folder, count)
        client.config_set("appendfsync", "always")
        for _ in range(rounds):
            stage.pretend(url, names)
            rates.append(count / _run_command(settings, names, client)[0])
            client.flushall()
    rate = median(rates)
    return [Figure(QUESTION, "run_command with appendfsync always", rate, "instances/s", rate / relaxed, "everysec")]


def _stalls(count: int, rounds: int) -> list[Figure]:
    """Measure how long a client that asks the server for nothing waits while a run is planned and published."""
    names = [f"i-{number:05}" for number in range(count)]
    quiet, busy, longest = [], [], []
    with stage.server() as (url, folder), redis.Redis.from_url(url) as client:
        settings = stage.settings(url, folder, count)
        client.config_set("slowlog-log-slower-than", 100)
        for _ in range(rounds):
            stage.pretend(url, names)
            with Stalls(url) as alone:
                time.sleep(1)
            client.slowlog_reset()
            with Stalls(url) as beside:
                _run_command(settings, names, client)
            longest.append(max((entry["duration"] / 1000 for entry in client.slowlog_get(128)), default=0.0))
            quiet += alone.waits
            busy.append(beside.waits)
            client.flushall()
    every = [wait for waits in busy for wait in waits]
    most = median([max(waits) for waits in busy])
    idle = percentile(quiet, 0.99)
    what = "a PING meanwhile"
    return [
        Figure(QUESTION, "a PING on the idle server, p99", idle, "ms"),
        Figure(QUESTION, f"{what}, p99", percentile(every, 0.99), "ms", percentile(every, 0.99) / idle, "idle"),
        Figure(QUESTION, f"{what}, the longest of a run", most, "ms", most / idle, "idle, p99", "≤ 5 ms"),
        Figure(QUESTION, "the server's longest command of a run", median(longest), "ms"),
    ]


def _run_command(settings: Settings, names: list[str], client: redis.Redis) -> tuple[float, float, float]:
    """Run a command on all; return the seconds until all is out, and those of processors: own, and the server's."""
    with Assistant(settings=settings) as assistant:
        assistant.run_command(SCRIPT, instance_ids=names[:1])
        server = ProcessorTime([client.info("server")["process_id"]])
        begun, own = time.perf_counter(), time.process_time()
        assistant.run_command(SCRIPT, instance_ids=names)
        return time.perf_counter() - begun, time.process_time() - own, server.seconds()


def _orders(names: list[str]) -> list[Order]:
    invoke_id = ids.new_invoke_id()
    far = 2**45
    return [
        Order(Purpose.RUN, ids.record_id(invoke_id, name), 0, far, far, "payload:" + "x" * 32, "h" * 44)
        for name in names
    ]


def _publish(key: Path, settings: Settings, names: list[str]) -> float:
    fanout = Fanout(settings, SigningKey.load(key))
    fanout.publish(fanout.sign(_orders(names[:1])))
    orders = _orders(names)
    begun = time.perf_counter()
    assert fanout.publish(fanout.sign(orders))
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
