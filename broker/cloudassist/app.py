"""The Celery applications: what every role's has in common, and the one of a producer.

Nothing here reads the environment or connects: a role hands its settings in.
"""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from celery import Celery
from click import ClickException

from cloudassist import remote, tls, topology, transport
from cloudassist.errors import ConfigurationError, MessageError
from cloudassist.refusals import Refusals
from cloudassist.settings import Settings

log = logging.getLogger(__name__)

A = TypeVar("A", bound="Application")


class Application(Celery):  # type: ignore[misc]
    """A Celery application of ours. ``worker_class`` names the worker that ``celery worker`` starts."""

    task_cls = "cloudassist.strict:StrictTask"
    worker_class = "cloudassist.worker:GuardedWorker"
    control_cls = "cloudassist.mailbox:Control"
    log_cls = "cloudassist.log:Logging"
    amqp_cls = "cloudassist.connections:AMQP"
    #: Commands of Celery's remote control that its workers carry out.
    remote_commands: frozenset[str] = remote.READ_ONLY

    def __init__(self, name: str, settings: Settings, **conf: Any) -> None:
        super().__init__(name, set_as_current=False, changes={**common(settings), **conf})
        self.settings = settings
        self.refusals = Refusals()

    @cached_property
    def Worker(self) -> Any:  # noqa: N802 - Celery's name for it
        """Return the class of this application's workers."""
        return self.subclass_with_self(self.worker_class)

    @property
    def log_fields(self) -> Mapping[str, str]:
        """Return what stands in each line of a log as JSON."""
        return {}

    def check(self) -> None:
        """Raise ConfigurationError where a worker of this application could not work."""

    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """Send no task that names no queue: what runs scripts is a signed order, which `celery call` cannot make."""
        if options.get("queue") is None:
            raise ClickException(
                f"{name} is not sent: orders are signed. `celery -A cloudassist assist run` runs a script"
            )
        return super().send_task(name, *args, **options)

    def refuse(self, queue: str, error: MessageError) -> None:
        """Count a message that was not accepted; the first of each kind is logged, never with its content."""
        if self.refusals.count(error.reason) == 1:
            log.warning("refused a message on %s: %s (further ones are only counted)", queue, error.reason)


def from_environment(make: Callable[[], A]) -> A:
    """Return what ``make`` makes; a mistake in the environment ends the program with one line."""
    try:
        return make()
    except ConfigurationError as error:
        raise SystemExit(f"cloudassist: {error.message}") from None


def common(settings: Settings) -> dict[str, Any]:
    """Return the configuration that every application of ours shares.

    Bindings of reply and event queues never expire: kombu's sweep of expiring ones writes a key that all clients share.
    """
    return {
        "broker_url": settings.url,
        "broker_use_ssl": tls.options(settings) or False,
        "broker_transport_options": transport.options(settings),
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "broker_heartbeat": 0,
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "result_backend": "disabled",
        "task_default_exchange": "",
        "task_default_queue": topology.DEFAULT_QUEUE,
        "task_queues": transport.direct_queues([topology.DEFAULT_QUEUE]),
        "task_create_missing_queues": False,
        "control_queue_expires": None,
        "event_queue_expires": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_prefetch_multiplier": 1,
        "worker_consumer": "cloudassist.consumer:PatientConsumer",
        "worker_enable_prefetch_count_reduction": False,
        "worker_pool": "threads",
        "timezone": "UTC",
    }
