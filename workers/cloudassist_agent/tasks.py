"""The one task that an agent runs, and how Celery is shown its course.

What Celery calls success is a script that ran to its end; a record that failed shows as FAILURE and a stopped one as
REVOKED. The task itself never raises for a failed script: Celery would log a traceback for each.
"""

import logging
from typing import Any

from celery.worker.request import Request
from celery.worker.state import task_ready

from cloudassist import topology
from cloudassist.errors import MessageError, ServiceUnavailableError
from cloudassist.orders import Order, Purpose
from cloudassist.status import InvocationStatus
from cloudassist.strict import Accepted, StrictTask
from cloudassist_agent.agent import Agent
from cloudassist_agent.executor import Outcome

log = logging.getLogger(__name__)


class RunOrder(StrictTask):
    """Carries out one order. The outcome of a record is kept until its request has told Celery's monitors."""

    name = topology.RUN_TASK

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self._outcomes: dict[str, Outcome | None] = {}

    def accept(self, message: Any) -> Accepted:
        """Verify the order in a message; raises MessageError."""
        if self.agent is None:
            raise MessageError("not-ready")
        try:
            (envelope,), _, _ = message.decode()
        except Exception as error:  # kombu's decoders raise what they please
            raise MessageError("bad-body", str(error)[:100]) from None
        order = self.agent.orders.open(Purpose.RUN, envelope)
        return Accepted(order.record_id, (order,), "()")

    def run(self, order: Order) -> str:
        """Carry the order out; returns what Flower shows as the result."""
        assert self.agent is not None
        outcome: Outcome | None = None
        try:
            outcome = self.agent.orders.carry_out(order)
        except MessageError as error:
            self.app.refuse(topology.instance_queue(order.instance_id), error)
        except ServiceUnavailableError as error:
            log.warning("%s was not started and will be sent again: %s", order.record_id, error.message)
        self._outcomes[order.record_id] = outcome
        return summary(outcome)

    def take_outcome(self, record_id: str) -> Outcome | None:
        """Return the outcome of a record once."""
        return self._outcomes.pop(record_id, None)

    def request_class(self, base: type[Request]) -> type[Request]:
        """Return requests that end, for Celery's monitors, as their record did."""
        task = self

        class RecordRequest(base):  # type: ignore[misc]
            """One record, as Celery sees it."""

            def on_success(self, failed__retval__runtime: tuple[Any, Any, float], **kwargs: Any) -> Any:
                failed, result, runtime = failed__retval__runtime
                if failed:
                    return super().on_success(failed__retval__runtime, **kwargs)
                task_ready(self, successful=True)
                self.acknowledge()
                try:
                    _tell(self, task.take_outcome(self.id), result, runtime)
                except Exception:
                    # It would vanish in a future that nobody reads.
                    log.exception("%s: its end could not be shown", self.id)
                return None

        return RecordRequest


def summary(outcome: Outcome | None) -> str:
    """Return one short line about an outcome."""
    if outcome is None:
        return "not started"
    if outcome.status is InvocationStatus.FINISHED:
        return f"exit {outcome.exit_code}, {outcome.seconds:.1f} s"
    return f"{outcome.status} {outcome.error_code}".rstrip()


def _tell(request: Any, outcome: Outcome | None, result: str, runtime: float) -> None:
    if outcome is None or outcome.status is InvocationStatus.STOPPED:
        started = outcome is not None and outcome.seconds is not None
        request.send_event("task-revoked", terminated=started, signum="SIGTERM" if started else None, expired=False)
    elif outcome.status is InvocationStatus.FAILED:
        request.send_event("task-failed", exception=f"{outcome.error_code}: {outcome.error_info}", traceback="")
    else:
        request.send_event("task-succeeded", result=result, runtime=runtime)
