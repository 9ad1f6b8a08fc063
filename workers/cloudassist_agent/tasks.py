"""The one task that an agent runs, and how Celery is shown its course.

What Celery calls success is a script that ran to its end; a record that failed shows as FAILURE and a stopped one as
REVOKED. The task itself never raises: that would vanish in a future which nobody reads, and its slot with it.
"""

import json
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

End = Outcome | str | None
"""What became of an order here: its outcome, why there is none, None where its record is in hand already."""


class RunOrder(StrictTask):
    """Carries out one order."""

    name = topology.RUN_TASK

    def __init__(self) -> None:
        self.agent: Agent | None = None

    def accept(self, message: Any) -> Accepted:
        """Verify the order in a message; raises MessageError."""
        if self.agent is None:
            raise MessageError("not-ready")
        try:
            # The guard has seen to its encoding; kombu's reader would make objects of what says that it is one.
            (envelope,), _, _ = json.loads(message.body)
        except (ValueError, TypeError, RecursionError) as error:
            raise MessageError("bad-body", str(error)[:100]) from None
        order = self.agent.orders.open(Purpose.RUN, envelope)
        return Accepted(order.record_id, (order,), "()", shown(order.record_id))

    def run(self, order: Order) -> End:
        """Carry the order out; never raises."""
        assert self.agent is not None
        try:
            return self.agent.orders.carry_out(order)
        except MessageError as error:
            self.app.refuse(topology.instance_queue(order.instance_id), error)
            return f"not started: {error.reason}"
        except ServiceUnavailableError as error:
            log.warning("%s was not started and will be sent again: %s", order.record_id, error.message)
            return "not started: the server does not answer"
        except Exception:
            log.exception("%s: the agent failed", order.record_id)
            return "the agent failed, see its log"

    def request_class(self, base: type[Request]) -> type[Request]:
        """Return requests that end, for Celery's monitors, as their record did."""
        task = self

        class RecordRequest(base):  # type: ignore[misc]
            """One record, as Celery sees it."""

            def send_event(self, kind: str, **fields: Any) -> None:
                """Speak as the record's instance, which may be one of many here."""
                assert task.agent is not None
                # The offset of this host's time zone, which Celery works out for each event, is not told.
                super().send_event(kind, Event=task.agent.monitors.maker(self.id), utcoffset=int, **fields)

            def execute_using_pool(self, pool: Any, **_: Any) -> None:
                """Have a thread carry the order out.

                Celery's tracer would do so for a twentieth of all that an agent does: it looks after results, retries,
                callbacks and signals, and an order has none.
                """
                pool.apply_async(task.run, self.args, accept_callback=self.on_accepted, callback=self.on_end)

            def on_end(self, end: End) -> None:
                """Make room for the next order, and tell what became of this one."""
                task_ready(self, successful=True)
                self.acknowledge()
                log.info("%s: %s", self.id, _said(end))
                try:
                    _tell(self.send_event, end)
                except Exception:
                    # It would vanish in a future that nobody reads.
                    log.exception("%s: its end could not be shown", self.id)

        return RecordRequest


def _said(end: End) -> str:
    return summary(end) if isinstance(end, Outcome) else end or "in hand already"


def _tell(send: Callable[..., Any], end: End) -> None:
    if isinstance(end, Outcome):
        tell(send, end)
    elif end is not None:
        # Not its end: the order comes again, or another agent has it.
        send("task-retried", exception=_said(end), traceback="")
