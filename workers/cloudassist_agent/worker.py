"""The agent's Celery worker: built in code for the lean entry point, and started by ``celery worker`` alike."""

import logging
import os
import signal
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from celery import bootsteps, signals
from celery.exceptions import WorkerShutdown
from celery.platforms import EX_OK
from celery.platforms import signals as platform_signals
from celery.worker import state
from kombu import Consumer

from cloudassist import remote, topology, transport
from cloudassist.app import Application, from_environment
from cloudassist.consumer import PatientConsumer
from cloudassist.worker import GuardedWorker
from cloudassist_agent import logs
from cloudassist_agent.agent import Agent
from cloudassist_agent.control import StopConsumer
from cloudassist_agent.scripts import system
from cloudassist_agent.settings import PRIVATE_UMASK, QUEUES_PER_CHANNEL, AgentSettings, read_settings
from cloudassist_agent.tasks import RunOrder

log = logging.getLogger(__name__)

LOOP_SECONDS: Final = 5.0
"""Seconds between two signs of life of Celery's main loop."""
EVENT_DELAY_SECONDS: Final = 0.1
"""Seconds that an event for Celery's monitors may wait for others."""
EVENTS_TOGETHER: Final = 250
"""Events that are sent in one message, the most (about 60 KB)."""


class AgentApplication(Application):
    """The application of an agent. ``agent`` is there once a worker was made."""

    worker_class = "cloudassist_agent.worker:AgentWorker"
    settings: AgentSettings
    agent: Agent

    def check(self) -> None:
        """Make the agent; raises ConfigurationError where it could not work."""
        os.umask(PRIVATE_UMASK)
        self.agent = Agent(self.settings, self)
        self.run_order.agent = self.agent
        remote.replace("heartbeat", lambda _state: self.agent.monitors.beat())

    @property
    def log_fields(self) -> Mapping[str, str]:
        """Return what stands in each line of a log as JSON."""
        return self.settings.log_fields

    @property
    def run_order(self) -> RunOrder:
        """Return the one task."""
        task: RunOrder = self.tasks[topology.RUN_TASK]
        return task


class AgentWorker(GuardedWorker):
    """A worker that drains: at SIGTERM it takes no new orders, and ends when its last script has ended.

    Meanwhile it still hears stops, reports, and gives its signs of life. After a limit, or at a second signal, it ends
    the scripts.
    """

    def __init__(self, **kwargs: Any) -> None:
        settings: AgentSettings = self.app.settings
        forced = {
            "hostname": topology.worker_name(settings.instance_id[0]),
            "concurrency": settings.slots,
            "task_events": settings.events,
            "without_heartbeat": True,
            "use_eventloop": system.EVENT_LOOP,
        }
        super().__init__(**{**kwargs, **forced})

    def install_platform_tweaks(self, worker: Any) -> None:
        """Drain at SIGTERM and SIGINT instead of stopping at once."""
        super().install_platform_tweaks(worker)
        platform_signals["SIGTERM"] = platform_signals["SIGINT"] = self._on_signal

    def connection_lost(self) -> None:
        """Doubt the agent's own connections, too: on a half-open one it would wait for seconds."""
        super().connection_lost()
        agent: Agent = self.app.agent
        agent.link.doubt()
        agent.sender.doubt()

    def cancel_orders(self) -> None:
        """Take no orders any more; called on the worker's own thread."""
        consumer = self.consumer
        for orders in (consumer.task_consumer, *consumer.app.more_orders):
            if orders is not None:
                orders.cancel()
                orders.channel.hang_up()

    def drain(self, why: str) -> None:
        """Take no new orders, and end when the last script has ended; returns at once. Once is enough."""
        agent: Agent = self.app.agent
        if not agent.heart.draining:
            log.warning("%s: draining, %d scripts are running", why, len(agent.running))
            agent.drain()
            threading.Thread(target=self._drain, daemon=True).start()

    def _on_signal(self, number: int, _frame: Any) -> None:
        # A signal handler must not wait for a lock that the interrupted thread may hold.
        threading.Thread(target=self._obey_signal, args=(signal.Signals(number).name,), daemon=True).start()

    def _obey_signal(self, name: str) -> None:
        agent: Agent = self.app.agent
        if agent.heart.draining:
            self._interrupt(f"{name} again")
        else:
            self.drain(name)

    def _interrupt(self, why: str) -> None:
        running = self.app.agent.running
        log.warning("%s: ending %d scripts", why, len(running))
        running.interrupt_all()

    def _drain(self) -> None:
        agent: Agent = self.app.agent
        if self.consumer is not None:
            self.consumer.call_soon(self.cancel_orders)
        if not agent.running.wait_until_idle(self.app.settings.drain_seconds):
            self._interrupt(f"{self.app.settings.drain_seconds:.0f} s are over")
            agent.running.wait_until_idle()
        state.should_stop = EX_OK
        if self.consumer is not None:
            self.consumer.call_soon(_nothing)


class AgentConsumer(PatientConsumer):
    """The consumer of an agent: gives signs of life while it waits, and takes no orders while it drains."""

    def turn(self) -> None:
        """Give a sign of life."""
        self.app.agent.sign.promise()

    def on_ready(self) -> None:
        """Hold back from the first pop where the agent drains."""
        super().on_ready()
        if self.app.agent.heart.draining:
            self.controller.cancel_orders()


class AgentStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Starts the agent before anything is consumed, and stops it after everything else."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        """Wait for the lease, settle the past, begin to speak."""
        agent: Agent = worker.app.agent
        agent.heart.on_replaced = worker.drain
        if not agent.start():
            raise WorkerShutdown(EX_OK)

    def stop(self, worker: Any) -> None:
        """Say the last words."""
        worker.app.agent.stop()


class Introduction(bootsteps.StartStopStep):  # type: ignore[misc]
    """Registers the instances at every connection, and sets up how Celery's monitors hear of them."""

    requires = ("celery.worker.consumer.events:Events",)

    def start(self, c: Any) -> None:
        """Say who we are."""
        agent: Agent = c.app.agent
        events = c.event_dispatcher
        if events is not None and events.enabled:
            if c.hub is not None:
                events.buffer_group = {"task", "worker"}
                events.on_send_buffered = EventBuffer(c.hub, events).arm
            agent.monitors.arrive(events)
        agent.register()
        agent.sign.promise(LOOP_SECONDS)
        c.timer.call_repeatedly(LOOP_SECONDS, agent.sign.promise, (LOOP_SECONDS,))

    def stop(self, c: Any) -> None:
        """Say goodbye, unless it is only the connection that ends."""
        if c.blueprint.state == bootsteps.CLOSE:
            c.app.agent.monitors.leave()


class EventBuffer:
    """Sends the events of a tenth of a second together: those of a short script are one message instead of three."""

    def __init__(self, hub: Any, events: Any) -> None:
        self._hub = hub
        self._events = events
        self._events.buffer_limit = EVENTS_TOGETHER
        self._armed = False

    def arm(self) -> None:
        """Have what was buffered sent soon; called from any thread."""
        if not self._armed:
            self._armed = True
            self._hub.call_soon(self._hub.call_later, EVENT_DELAY_SECONDS, self._flush)

    def _flush(self) -> None:
        self._armed = False
        self._events.flush()


class MoreOrders(bootsteps.StartStopStep):  # type: ignore[misc]
    """Consumes the queues of further instances, where one process stands for many.

    One channel names all its queues at every pop: groups of them on channels of their own keep that short. The slots
    are those of the process, so none of these channels begins a pop where all are taken.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, c: Any) -> None:
        """Begin to consume."""
        names = [topology.instance_queue(instance_id) for instance_id in c.app.settings.instance_id]
        handler = c.create_task_handler()
        consumers = []
        for start in range(QUEUES_PER_CHANNEL, len(names), QUEUES_PER_CHANNEL):
            channel = c.connection.channel()
            channel.share_room(c.task_consumer.channel)
            queues = transport.direct_queues(names[start : start + QUEUES_PER_CHANNEL])
            consumers.append(Consumer(channel, queues=queues, on_message=handler, auto_declare=False))
        for consumer in consumers:
            consumer.consume()
        c.app.more_orders = consumers


def make_app(settings: AgentSettings) -> AgentApplication:
    """Return the application of an agent."""
    names = [topology.instance_queue(instance_id) for instance_id in settings.instance_id]
    app = AgentApplication(
        "cloudassist-agent",
        settings,
        task_default_queue=names[0],
        task_queues=transport.direct_queues(names[:QUEUES_PER_CHANNEL]),
        worker_concurrency=settings.slots,
        worker_consumer="cloudassist_agent.worker:AgentConsumer",
        worker_enable_remote_control=settings.remote_control,
        worker_send_task_events=settings.events,
        event_exchange=topology.events_of(settings.instance_id[0]),
    )
    app.more_orders = []
    app.register_task(RunOrder())
    app.steps["worker"].add(AgentStep)
    app.steps["consumer"].update({StopConsumer, Introduction, MoreOrders})
    return app


@cache
def application() -> AgentApplication:
    """Return the application that ``celery -A cloudassist_agent`` uses, from the environment."""
    return from_environment(lambda: make_app(read_settings()))


def make_worker(settings: AgentSettings, loglevel: str) -> AgentWorker:
    """Return the worker of an agent, with the log that the settings ask for."""

    def configure(**_: Any) -> None:
        logs.configure(loglevel, settings.log_file, "agent", settings.json_fields)

    signals.setup_logging.connect(configure, weak=False, dispatch_uid=__name__)
    worker: AgentWorker = make_app(settings).Worker(loglevel=loglevel, quiet=True)
    return worker


def main(settings: AgentSettings, loglevel: str) -> None:
    """Run an agent in the foreground; exits with its exit code."""
    worker = make_worker(settings, loglevel)
    worker.start()
    raise SystemExit(worker.exitcode)


def _nothing() -> None:
    """Wake the loop."""
