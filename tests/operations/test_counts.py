"""Counts that do not depend on the clock: what a run, a report and a tick cost in commands, whatever their number."""

import json
import math

import pytest

from cloudassist import ids, keyring, topology
from cloudassist.duties.aggregator import Aggregator
from cloudassist.keyring import AgreementKey, create_key, encode_key
from cloudassist.messages import FINAL_SEQUENCE, Report
from cloudassist.status import InvocationStatus
from cloudassist.store import invocations, keys, reports
from cloudassist_beat.app import make_app
from cloudassist_beat.scheduler import AHEAD_MS, FORESEEN, Scheduler
from support.counting import counted, sent_bytes
from support.malformed import GOOD

SIZES = (120, 600)
NAMES = [f"i-{number:03}" for number in range(max(SIZES))]


@pytest.fixture
def fleet(region):
    region.register(NAMES)


@pytest.fixture
def producer(region, fleet):
    with region.assistant(instances_per_call=len(NAMES)) as assistant:
        assistant.run_command("true", instance_ids=NAMES)
        yield assistant


@pytest.fixture
def reporting(region, tmp_path):
    """Return what has instances report the end of a run, each proven by its own key; and an aggregator."""
    for kind in ("report", "instance"):
        create_key(tmp_path / f"own.{kind}", kind)
    region_key = AgreementKey.load(tmp_path / "own.report", "report")
    own = AgreementKey.load(tmp_path / "own.instance", "instance")

    def say(invoke_id, names):
        for name in names:
            region.server.hset(keys.instance(name), "public_key", encode_key(own.public))
            record_id = ids.record_id(invoke_id, name)
            body = Report(name, record_id, FINAL_SEQUENCE, InvocationStatus.FINISHED, 1, 2, 0, output=b"x").encode()
            mac = keyring.mac(own.mac_key(name, region_key.public), body.encode())
            region.server.lpush(topology.REPORTS_QUEUE, json.dumps(GOOD | {"headers": {"mac": mac}, "body": body}))

    return say, Aggregator(region.ledger, region.settings, [region_key])


def test_a_run_costs_a_message_an_instance_and_a_function_for_some_hundred(producer, server):
    costs = {}
    for size in SIZES:
        with counted(server) as calls, sent_bytes(server) as sent:
            producer.run_command("#" * 5_000, instance_ids=NAMES[:size])
        assert calls["lpush"] == size
        # The beginning is one, planning and reading the enrolments go by chunks.
        assert calls["fcall"] <= 1 + 2 * math.ceil(size / invocations.PLAN_CHUNK)
        assert sent[0] <= 10_000 + 1_200 * size
        costs[size] = sum(calls.values())
    # Each instance costs 7: its order; in functions its enrolment, presence, free places, and record.
    assert costs[SIZES[0]] <= 60 + 7 * SIZES[0]
    assert costs[SIZES[1]] - costs[SIZES[0]] <= 8 * (SIZES[1] - SIZES[0])


def test_what_a_report_costs_does_not_depend_on_its_batch(producer, server, reporting):
    say, aggregator = reporting
    few, many = SIZES
    say(producer.run_command("true", instance_ids=NAMES).invoke_id, NAMES)
    aggregator.turn()  # by it the aggregator comes to know the instances
    costs = []
    for names, batches in ((NAMES[:few], many // few), (NAMES, 1)):
        for _ in range(batches):
            say(producer.run_command("true", instance_ids=names).invoke_id, names)
        with counted(server) as calls:
            aggregator.turn()
        # Reports of one run are applied together, and who waits for it is told once.
        assert calls["fcall"] == 1 + batches * math.ceil(len(names) / reports.APPLIED)
        assert calls["publish"] == batches
        costs.append(sum(calls.values()))
    # Each costs 4: it is taken, its record is read and written, its output is kept. The rest is for each call.
    assert costs[0] <= 4 * many + 50 * many // few
    assert costs[1] <= costs[0]


@pytest.fixture
def scheduler(region, monkeypatch):
    """Celery beat's scheduler, as its process makes it, which rests for a moment only."""
    monkeypatch.setenv("CLOUDASSIST_URL", region.settings.url)
    monkeypatch.setattr("cloudassist_beat.scheduler.IDLE_SECONDS", 0.5)
    app = make_app()
    yield Scheduler(app)
    app.close()


def test_what_a_tick_costs_does_not_depend_on_how_many_tasks_are_due(producer, server, scheduler):
    tasks = [
        producer.run_command("true", instance_ids=NAMES[:1], frequency="rate(1h)").invoke_id for _ in range(SIZES[0])
    ]
    scheduler.tick()  # it hears of the new tasks, and looks again
    for count in (10, SIZES[0]):
        seconds, micros = server.time()
        due = 1000 * seconds + micros // 1000 + 200
        for task in tasks[:count]:
            server.hset(keys.invocation(task), "creation_time", due - 3_600_000)
            server.zadd(keys.SCHEDULES, {task: due})
        scheduler._calendar.keep(())
        with counted(server) as calls:
            scheduler.tick()
        # What comes is listed, what is due is claimed, and handed to dispatch in one message; many are named before.
        assert (calls["fcall"], calls["lpush"]) == (2, 2 if count >= FORESEEN else 1)
        # Each is read once, and its moment compared; the rest is done for all together.
        assert sum(calls.values()) <= 2 * count + 20


def test_beat_does_not_look_ahead_just_before_a_moment(producer, server, scheduler):
    task = producer.run_command("true", instance_ids=NAMES[:1], frequency="rate(1h)").invoke_id
    scheduler.tick()
    seconds, micros = server.time()
    server.zadd(keys.SCHEDULES, {task: 1000 * seconds + micros // 1000 + 700})
    with counted(server) as calls:
        scheduler.tick()
    # What comes is listed, and claimed, though half a second was over before it came.
    assert calls["fcall"] == 2


@pytest.mark.parametrize("count", [FORESEEN - 1, FORESEEN])
def test_what_comes_is_named_to_dispatch_once_where_it_is_many(producer, server, scheduler, count):
    seconds, _ = server.time()
    for _ in range(count):
        task = producer.run_command("true", instance_ids=NAMES[:1], frequency="rate(1h)").invoke_id
        server.zadd(keys.SCHEDULES, {task: 1000 * seconds + AHEAD_MS})
    for _ in range(3):
        scheduler.tick()
    messages = [json.loads(item) for item in server.lrange(topology.DISPATCH_QUEUE, 0, -1)]
    named = [message for message in messages if message["headers"]["task"] == topology.FORESEE_TASK]
    assert len(named) == (count >= FORESEEN)


def test_a_tick_where_nothing_is_due_costs_one_question(producer, server, scheduler):
    scheduler.tick()
    with counted(server) as calls:
        scheduler.tick()
    assert calls["fcall"] == 1
    assert sum(calls.values()) <= 4
