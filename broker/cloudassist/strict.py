"""Celery tasks that believe nothing but what they have checked themselves.

Celery's own strategy trusts every header of a message: a sender can swap the task's name, set an ETA, a time limit or
callbacks, and reach Celery's built-in tasks. Here a task reads the message itself (:meth:`StrictTask.accept`) and the
request is built anew from what it returns; every other header is dropped. A task that does not say what it accepts
accepts nothing, and Celery's built-in tasks are of that kind.

The handler never raises: any exception but a connection error would end the worker and put the message back, to end it
again at the next start.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery import Task
from celery.worker.request import Request, create_request_cls
from celery.worker.state import task_reserved

from cloudassist.errors import MessageError

log = logging.getLogger(__name__)

Refuse = Callable[[str, MessageError], None]
"""Is told the queue and the reason of each refused message."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a task took from a message: its id, its arguments, and how these may be shown."""

    task_id: str
    args: tuple[Any, ...]
    shown: str
    shown_by_name: str = "{}"


class StrictTask(Task):  # type: ignore[misc]
    """Base of all tasks of an application of ours."""

    abstract = True
    Strategy = "cloudassist.strict:strategy"
    ignore_result = True
    #: A slot is free again when its script has ended, and only then is the next message popped.
    acks_late = True

    def accept(self, message: Any) -> Accepted:
        """Check a message and return what may be run; raises MessageError."""
        raise MessageError(
            "unknown-task", f"{self.name} takes no messages ({message.delivery_info.get('routing_key')})"
        )

    def request_class(self, base: type[Request]) -> type[Request]:
        """Return the class of this task's requests, derived from the one that Celery made for it."""
        return base


def strategy(task: StrictTask, app: Any, consumer: Any) -> Callable[..., None]:
    """Return the handler of the task's messages; Celery calls this once per task and connection."""
    made = create_request_cls(Request, task, consumer.pool, consumer.hostname, consumer.event_dispatcher, app=app)

    class StrictRequest(task.request_class(made)):  # type: ignore[misc]
        """Shows itself to monitors by its representation only: its arguments are nobody's business."""

        def info(self, safe: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - Celery's signature
            shown: dict[str, Any] = super().info(safe=True)
            return shown

    def handle(message: Any, _body: Any, ack: Any, reject: Any, _callbacks: Any) -> None:
        try:
            accepted = task.accept(message)
            request = StrictRequest(
                message,
                on_ack=ack,
                on_reject=reject,
                app=app,
                hostname=consumer.hostname,
                eventer=consumer.event_dispatcher,
                task=task,
                connection_errors=consumer.connection_errors,
                body=(accepted.args, {}, {}),
                headers=_headers(task.name, accepted),
                decoded=True,
            )
            _tell_received(request, accepted)
            task_reserved(request)
            consumer.on_task_request(request)
        except Exception as error:
            if isinstance(error, MessageError):
                app.refuse(message.delivery_info.get("routing_key", ""), error)
            else:
                log.exception("a message was dropped")
            ack(log, consumer.connection_errors)

    return handle


def _tell_received(request: Any, accepted: Accepted) -> None:
    """Tell Celery's monitors of a task before anything else is told of it: its name comes from here."""
    request.send_event(
        "task-received",
        name=request.name,
        args=accepted.shown,
        kwargs=accepted.shown_by_name,
        root_id=request.id,
        parent_id=None,
        retries=0,
        eta=None,
        expires=None,
    )


def _headers(name: str, accepted: Accepted) -> dict[str, Any]:
    return {
        "lang": "py",
        "task": name,
        "id": accepted.task_id,
        "root_id": accepted.task_id,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "timelimit": (None, None),
        "argsrepr": accepted.shown,
        "kwargsrepr": accepted.shown_by_name,
        "ignore_result": True,
    }
