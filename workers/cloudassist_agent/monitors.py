"""What Celery's monitors (Flower, ``celery events``) are told: an instance is a worker, a record is one of its tasks.

An agent that stands for many instances speaks of each by its own name. Times are the server's, so that Flower shows the
ages that ``assist results`` shows, also of a host whose clock or time zone is another. Of what a script says, or what
kept it from running, nothing is told but the codes.
"""

import platform
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from celery.events import Event
from celery.utils.sysinfo import load_average

from cloudassist import ids, topology
from cloudassist.status import InvocationStatus
from cloudassist.version import __version__
from cloudassist_agent.clock import ServerClock
from cloudassist_agent.executor import Outcome
from cloudassist_agent.scripts.running import Running

HEARTBEATS: Final = 2
"""Periods after which Celery calls a worker offline of which it has heard nothing."""
SOFTWARE: Final = {"sw_ident": "cloudassist-agent", "sw_ver": __version__, "sw_sys": platform.system()}

Maker = Callable[..., dict[str, Any]]
"""Makes an event of its type and fields, as Celery's ``Event`` does."""


class Monitors:
    """Speaks to them for the instances of one agent; safe to share between threads.

    ``lifetime_seconds`` is how long a sign of life counts: a monitor calls an instance offline when presence does.
    """

    def __init__(self, instances: Sequence[str], running: Running, clock: ServerClock, lifetime_seconds: float) -> None:
        self._instances = instances
        self._running = running
        self._clock = clock
        self._period = lifetime_seconds / HEARTBEATS
        self._received: Counter[str] = Counter()
        self._ended: list[tuple[str, Outcome]] = []
        self._dispatcher: Any = None

    def ended_before(self, record_id: str, outcome: Outcome) -> None:
        """Keep how a record ended that an earlier agent had begun, to tell of it when the monitors can be reached."""
        self._ended.append((record_id, outcome))

    def arrive(self, dispatcher: Any) -> None:
        """Say that the instances are there; from now on ``dispatcher`` takes what is to be said."""
        self._dispatcher = dispatcher
        self._speak("worker-online")
        ended, self._ended = self._ended, []
        for record_id, outcome in ended:
            send = self.sender(record_id)
            send("task-received", name=topology.RUN_TASK, args="()", kwargs=shown(record_id))
            tell(send, outcome)

    def beat(self) -> None:
        """Say that the instances live."""
        self._speak("worker-heartbeat")

    def leave(self) -> None:
        """Say that the instances go, at once."""
        self._speak("worker-offline")
        if self._dispatcher is not None:
            self._dispatcher.flush()

    def maker(self, record_id: str) -> Maker:
        """Return what makes the events of a record's task: they come from its instance."""
        _, instance_id = ids.split_record_id(record_id)
        return self._maker(instance_id)

    def sender(self, record_id: str) -> Callable[..., Any]:
        """Return what sends the events of a record's task, where no request of Celery's does."""

        def send(kind: str, **fields: Any) -> None:
            self._dispatcher.send(kind, uuid=record_id, Event=self.maker(record_id), **fields)

        return send

    def _speak(self, kind: str) -> None:
        if self._dispatcher is None:
            return
        load = load_average()
        for instance_id in self._instances:
            self._dispatcher.send(
                kind,
                Event=self._maker(instance_id),
                freq=self._period,
                active=len(self._running.of(instance_id)),
                processed=self._received[instance_id],
                loadavg=load,
                **SOFTWARE,
            )

    def _maker(self, instance_id: str) -> Maker:
        def make(kind: str, **fields: Any) -> dict[str, Any]:
            if kind == "task-received":
                self._received[instance_id] += 1
            # A receiver would move the time by the difference of the two hosts' zones, but it is in none.
            del fields["utcoffset"]
            own = {"hostname": topology.worker_name(instance_id), "timestamp": self._clock.now() / 1000}
            event: dict[str, Any] = Event(kind, **{**fields, **own})
            return event

        return make


def shown(record_id: str) -> str:
    """Return a record's arguments as monitors show them and can search for them."""
    invoke_id, instance_id = ids.split_record_id(record_id)
    return repr({"invocation": invoke_id, "instance": instance_id})


def tell(send: Callable[..., Any], outcome: Outcome) -> None:
    """Tell the end of a record: Finished is Celery's SUCCESS, Failed its FAILURE, Stopped its REVOKED."""
    common = {"result": summary(outcome), "runtime": outcome.seconds}
    if outcome.status is InvocationStatus.FINISHED:
        send("task-succeeded", **common)
    elif outcome.status is InvocationStatus.FAILED:
        send("task-failed", exception=outcome.error_code, traceback="", **common)
    else:
        started = outcome.seconds is not None
        send("task-revoked", terminated=started, signum="SIGTERM" if started else None, expired=False, **common)


def summary(outcome: Outcome) -> str:
    """Return a record's status with its exit code or error code: never its error info, which may quote the script."""
    if outcome.status is InvocationStatus.FINISHED:
        return f"{outcome.status}, exit {outcome.exit_code}"
    return f"{outcome.status}, {outcome.error_code}" if outcome.error_code else str(outcome.status)
