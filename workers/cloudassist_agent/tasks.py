"""The one task that an agent runs, and how Celery is shown its course.

What Celery calls success is a script that ran to its end; a record that failed shows as FAILURE and a stopped one as
REVOKED. The task itself never raises for a failed script: Celery would log a traceback for each.
"""

import logging
from collections.abc import Callable
from typing import Any

from celery.worker.request import Request
from celery.worker.state import task_ready

from cloudassist import topology
from cloudassist.errors import MessageError, ServiceUnavailableError
from cloudassist.orders import Order, Purpose
from cloudassist.strict import Accepted, StrictTask
from cloudassist_agent.agent import Agent
from cloudassist_agent.executor import Outcome
from cloudassist_agent.monitors import shown, summary, tell

log = logging.getLogger(__name__)


class RunOrder(StrictTask):
    """Carries out one order. What became of a record is kept until its request has told Celery's monitors."""

    name = topology.RUN_TASK

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self._ends: dict[str, Outcome | str | None] = {}

    def accept(self, message: Any) -> Accepted:
        """Verify the order in a message; raises MessageError."""
        if self.agent is None:
            raise MessageError("not-ready")
        try:
            (envelope,), _, _ = message.decode()
        except Exception as error:  # kombu's decoders raise what they please
            raise MessageError("bad-body", str(error)[:100]) from None
        order = self.agent.orders.open(Purpose.RUN, envelope)
        return Accepted(order.record_id, (order,), "()", shown(order.record_id))

    def run(self, order: Order) -> str:
        """Carry the order out; returns what Celery writes into the log."""
        assert self.agent is not None
        end: Outcome | str | None
        try:
            end = self.agent.orders.carry_out(order)
        except MessageError as error:
            self.app.refuse(topology.instance_queue(order.instance_id), error)
            end = error.reason
        except ServiceUnavailableError as error:
            log.warning("%s was not started and will be sent again: %s", order.record_id, error.message)
            end = "the server does not answer"
        self._ends[order.record_id] = end
        return summary(end) if isinstance(end, Outcome) else f"not started: {end or 'in hand already'}"

    def take_end(self, record_id: str) -> Outcome | str | None:
        """Return once what became of a record here: its outcome, why it was not started, None where it goes on."""
        return self._ends.pop(record_id, None)

    def request_class(self, base: type[Request]) -> type[Request]:
        """Return requests that end, for Celery's monitors, as their record did."""
        task = self

        class RecordRequest(base):  # type: ignore[misc]
            """One record, as Celery sees it."""

            def send_event(self, kind: str, **fields: Any) -> None:
                """Speak as the record's instance, which may be one of many here."""
                assert task.agent is not None
                super().send_event(kind, Event=task.agent.monitors.maker(self.id), **fields)

            def on_success(self, failed__retval__runtime: tuple[Any, Any, float], **kwargs: Any) -> Any:
                failed, _, _ = failed__retval__runtime
                if failed:
                    return super().on_success(failed__retval__runtime, **kwargs)
                task_ready(self, successful=True)
                self.acknowledge()
                try:
                    _tell(self.send_event, task.take_end(self.id))
                except Exception:
                    # It would vanish in a future that nobody reads.
                    log.exception("%s: its end could not be shown", self.id)
                return None

        return RecordRequest


def _tell(send: Callable[..., Any], end: Outcome | str | None) -> None:
    if isinstance(end, Outcome):
        tell(send, end)
    elif end is not None:
        # Not its end: the order comes again, or another agent has it.
        send("task-retried", exception=f"not started: {end}", traceback="")
