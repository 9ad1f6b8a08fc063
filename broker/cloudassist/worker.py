"""Celery's worker, as all of ours are started."""

import gc
import logging
import warnings
from typing import Any

from celery.apps.worker import Worker as CeleryWorker
from celery.apps.worker import install_worker_term_handler
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from cloudassist import connections, guarded, remote, transport
from cloudassist.errors import ConfigurationError


class GuardedWorker(CeleryWorker):  # type: ignore[misc]
    """Celery's worker behind the guard, and without gossip and mingle: both grow with the square of the fleet."""

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("purge"):
            raise SystemExit(f"cloudassist: {connections.kept(', '.join(self.app.amqp.queues))}")
        super().__init__(**{**kwargs, "without_gossip": True, "without_mingle": True})

    def on_before_init(self, **kwargs: Any) -> None:
        """Prepare the process before anything connects: only a worker may wait long in a pop."""
        try:
            self.app.check()
        except ConfigurationError as error:
            raise SystemExit(f"cloudassist: {error.message}") from None
        guarded.install()
        remote.restrict(self.app.remote_commands)
        # Said at each reconnect, of a setting that is set; and of root for the sake of pickle, which is never accepted.
        for category in (CPendingDeprecationWarning, SecurityWarning):
            warnings.filterwarnings("ignore", category=category)
        # It says so at each attempt, also where the connection is of no use.
        logging.getLogger("celery.worker.consumer.connection").setLevel(logging.WARNING)
        callbacks = {guarded.ON_REFUSED: self.app.refuse, guarded.ON_LOST: self.connection_lost}
        self.app.conf.broker_transport_options = transport.worker_options(self.app.settings) | callbacks
        super().on_before_init(**kwargs)

    def on_consumer_ready(self, consumer: Any) -> None:
        """Have the garbage collector look only at what comes from now on: what is loaded stays as long as we do."""
        super().on_consumer_ready(consumer)
        gc.collect()
        gc.freeze()

    def emit_banner(self) -> None:
        """Say on the terminal what was started, unless all that is said is to be JSON."""
        if not self.app.settings.logs_json:
            super().emit_banner()

    def install_platform_tweaks(self, worker: Any) -> None:
        """Do what Celery does; its word at SIGTERM would be none of the log's."""
        super().install_platform_tweaks(worker)
        if self.app.settings.logs_json:
            install_worker_term_handler(worker, verbose=False)

    def connection_lost(self) -> None:
        """Connect anew altogether: a connection that waits for messages is dead, and others may be as well."""
        self.consumer.lose()
