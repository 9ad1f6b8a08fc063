"""What Celery's monitors make of what an agent says, by Celery's own dispatcher, receiver and state."""

import time

import pytest
from celery import Celery
from kombu.transport.memory import Channel

from cloudassist.error_code import ErrorCode
from cloudassist.status import InvocationStatus
from cloudassist_agent.clock import ServerClock
from cloudassist_agent.executor import Outcome, refusal
from cloudassist_agent.monitors import Monitors, shown, tell
from cloudassist_agent.scripts.running import Running

RECORD = "t-0123456789abcdef.web-2"
QUOTED = "no interpreter /opt/S3CRET"
HOUR = 3600


class Fleet:
    """An agent of two instances, and a monitor that hears it over kombu's transport in memory."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(Channel, "queues", {})
        self.app = Celery(broker="memory://localhost", set_as_current=False)
        self.connection = self.app.connection()
        self.dispatcher = self.app.events.Dispatcher(self.connection, hostname="agent@host")
        self.running = Running(10, lambda: None)
        self.clock = ServerClock()
        self.monitors = Monitors(["web-1", "web-2"], self.running, self.clock, lifetime_seconds=3)
        self.state = self.app.events.State()
        self.heard = []
        handlers = {"*": lambda event: (self.heard.append(dict(event)), self.state.event(event))}
        self.receiver = self.app.events.Receiver(self.connection, handlers=handlers, app=self.app)
        self.hearing = self.receiver.consumer_context(wakeup=False)
        self.ear, _, _ = self.hearing.__enter__()

    def hear(self):
        """Return the events that came, by what the state made of them."""
        while True:
            try:
                self.ear.drain_events(timeout=0.05)
            except TimeoutError:
                return self.state

    def close(self):
        self.hearing.__exit__(None, None, None)
        self.connection.release()


@pytest.fixture
def fleet(monkeypatch):
    fleet = Fleet(monkeypatch)
    yield fleet
    fleet.close()


def begin(fleet):
    send = fleet.monitors.sender(RECORD)
    send("task-received", name="cloudassist.run", args="()", kwargs=shown(RECORD))
    send("task-started")
    return send


def test_each_instance_is_a_worker_that_is_alive_as_long_as_its_sign_of_life_counts(fleet):
    fleet.monitors.arrive(fleet.dispatcher)
    run = fleet.running.add(RECORD, "web-2")
    fleet.monitors.beat()
    workers = fleet.hear().workers
    assert set(workers) == {"agent@web-1", "agent@web-2"}
    assert all(worker.alive for worker in workers.values())
    assert {name: worker.active for name, worker in workers.items()} == {"agent@web-1": 0, "agent@web-2": 1}
    assert workers["agent@web-1"].heartbeat_expires == pytest.approx(time.time() + 3, abs=1)
    assert workers["agent@web-1"].sw_ident == "cloudassist-agent"
    fleet.running.remove(run)
    fleet.monitors.leave()
    assert not any(worker.alive for worker in fleet.hear().workers.values())


@pytest.mark.parametrize(
    ("outcome", "state", "result"),
    [
        (Outcome(InvocationStatus.FINISHED, 1.5, 0), "SUCCESS", "Finished, exit 0"),
        (Outcome(InvocationStatus.FINISHED, 1.5, 3), "SUCCESS", "Finished, exit 3"),
        (
            Outcome(InvocationStatus.FAILED, 1.5, None, ErrorCode.EXECUTION_TIMEOUT, QUOTED),
            "FAILURE",
            "Failed, ExecutionTimeout",
        ),
        (refusal(ErrorCode.EXECUTION_EXCEPTION, QUOTED), "FAILURE", "Failed, ExecutionException"),
        (Outcome(InvocationStatus.STOPPED, 1.5, 143, error_info=QUOTED), "REVOKED", "Stopped"),
        (Outcome(InvocationStatus.STOPPED), "REVOKED", "Stopped"),
    ],
)
def test_a_record_ends_as_its_outcome_says_and_quotes_nothing(fleet, outcome, state, result):
    fleet.monitors.arrive(fleet.dispatcher)
    tell(begin(fleet), outcome)
    task = fleet.hear().tasks[RECORD]
    assert (task.state, task.result, task.runtime) == (state, result, outcome.seconds)
    assert (task.name, task.worker.hostname) == ("cloudassist.run", "agent@web-2")
    assert task.kwargs == "{'invocation': 't-0123456789abcdef', 'instance': 'web-2'}"
    assert QUOTED not in repr(fleet.heard)


def test_an_order_that_comes_again_does_not_undo_an_end(fleet):
    fleet.monitors.arrive(fleet.dispatcher)
    send = begin(fleet)
    send("task-retried", exception="not started: foreign-claim", traceback="")
    assert fleet.hear().tasks[RECORD].state == "RETRY"
    tell(begin(fleet), Outcome(InvocationStatus.FINISHED, 1.0, 0))
    begin(fleet)
    assert fleet.hear().tasks[RECORD].state == "SUCCESS"


def test_what_an_earlier_agent_had_begun_is_told_once(fleet):
    fleet.monitors.ended_before(RECORD, refusal(ErrorCode.EXECUTION_INTERRUPTED, QUOTED))
    for _ in range(2):
        fleet.monitors.arrive(fleet.dispatcher)
    task = fleet.hear().tasks[RECORD]
    assert (task.state, task.result) == ("FAILURE", "Failed, ExecutionInterrupted")
    assert [event["type"] for event in fleet.heard if event.get("uuid")] == ["task-received", "task-failed"]


def test_times_are_the_servers_wherever_the_host_is(fleet):
    """A receiver moves times by the difference of two zones; an instant is in none, and no host's clock is asked."""
    fleet.clock.learn((int(time.time()) + 5 * HOUR, 0))
    fleet.monitors.arrive(fleet.dispatcher)
    begin(fleet)
    task = fleet.hear().tasks[RECORD]
    assert task.received == pytest.approx(time.time() + 5 * HOUR, abs=2)
    assert all("utcoffset" not in event for event in fleet.heard)
