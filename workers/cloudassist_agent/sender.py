"""The sender: publishes what this agent has to say, over one connection of its own.

Last reports come from the journal and leave it only when they are known to be sent; what was sent without an answer is
sent again. Passing remarks (a registration, "started") are told once and may be lost: the last report says it all.
"""

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from celery import Celery
from kombu import serialization

from cloudassist import keyring, topology
from cloudassist.errors import ServiceUnavailableError
from cloudassist.looper import Looper
from cloudassist.messages import MAC_HEADER, Registration, Report
from cloudassist_agent.journal import Entry, Journal, JournalError
from cloudassist_agent.wire import Wire

log = logging.getLogger(__name__)

BATCH: Final = 50
"""Last reports published at a time."""
REMARKS: Final = 10_000
"""Passing remarks kept while the server is away, the newest."""
PRUNE_SECONDS: Final = 3_600.0
"""Seconds between two prunings of the journal."""
REST_SECONDS: Final = 60.0
"""Seconds between two looks at the journal where nobody says that there is something."""

_SERIALIZER: Final = "cloudassist-report"
_CONTENT_TYPE: Final = "application/vnd.cloudassist.report+json"


class Sender(Looper):
    """The duty. ``mac_keys`` holds the key of each instance's reports; ``prune`` is called now and then."""

    name = "sender"

    def __init__(self, app: Celery, journal: Journal, mac_keys: dict[str, bytes], prune: Callable[[], object]) -> None:
        super().__init__()
        self._wire = Wire(app, "reports wait")
        self._journal = journal
        self._mac_keys = mac_keys
        self._prune = prune
        self._next_pruning = 0.0
        self._remarks: deque[tuple[str, str]] = deque(maxlen=REMARKS)
        self._chunks: dict[str, Report] = {}
        self._insisted: dict[str, Report] = {}
        self._unmarked: set[str] = set()
        self._producer: tuple[Any, Any] = (None, None)
        # A body that is text already: the MAC is over its very bytes, so nobody may write it anew.
        serialization.register(_SERIALIZER, _as_it_is, None, _CONTENT_TYPE, "utf-8")

    def remark(self, message: Report | Registration) -> None:
        """Say something in passing."""
        self._remarks.append((message.instance_id, message.encode()))
        self.wake()

    def chunk(self, message: Report) -> None:
        """Say what a script has written; while the server is away only the newest chunk of each script is kept."""
        self._chunks[message.record_id] = message
        self.wake()

    def insist(self, message: Report) -> None:
        """Say how a record ended that the journal could not take: from memory, until it was sent."""
        self._insisted[message.record_id] = message
        self.wake()

    def doubt(self) -> None:
        """Have a new connection made for the next report."""
        self._wire.doubt()

    def turn(self) -> float:
        """Publish what there is."""
        self._prune_in_time()
        remarks = [self._remarks.popleft() for _ in range(len(self._remarks))]
        chunks = [self._chunks.pop(name) for name in list(self._chunks)]
        insisted = list(self._insisted.values())
        entries = self._unsent()
        last = [*chunks, *insisted, *(entry.report for entry in entries if entry.report is not None)]
        bodies = remarks + [(message.instance_id, message.encode()) for message in last]
        if bodies:
            try:
                self._publish(bodies)
            except ServiceUnavailableError:
                self._remarks.extendleft(reversed(remarks))
                raise
            for message in insisted:
                self._insisted.pop(message.record_id, None)
            self._mark_sent([entry.record_id for entry in entries])
        return 0.0 if len(entries) == BATCH else REST_SECONDS

    def finish(self) -> None:
        """Say what is left."""
        while self.turn() == 0:
            pass
        self._wire.close()

    def _unsent(self) -> list[Entry]:
        try:
            entries = self._journal.unsent(BATCH + len(self._unmarked))
        except JournalError as error:
            log.error("reports cannot be read: %s", error)
            return []
        return [entry for entry in entries if entry.record_id not in self._unmarked]

    def _mark_sent(self, record_ids: list[str]) -> None:
        """Write down what was sent; what cannot be written is remembered, not to be sent over and over."""
        self._unmarked.update(record_ids)
        try:
            self._journal.mark_sent(self._unmarked)
        except JournalError as error:
            log.error("what was sent is not in the journal, and is sent again after a restart: %s", error)
        else:
            self._unmarked.clear()

    def _prune_in_time(self) -> None:
        if time.monotonic() >= self._next_pruning:
            self._next_pruning = time.monotonic() + PRUNE_SECONDS
            try:
                self._prune()
            except JournalError as error:
                log.error("the journal was not pruned: %s", error)

    def _publish(self, bodies: list[tuple[str, str]]) -> None:
        with self._wire.connection() as connection:
            producer = self._producer_on(connection)
            # A batch costs more than it saves where there is but one, which is nearly always.
            with producer.batch() if len(bodies) > 1 else contextlib.nullcontext():
                for instance_id, body in bodies:
                    producer.publish(
                        body,
                        exchange="",
                        routing_key=topology.REPORTS_QUEUE,
                        headers={MAC_HEADER: keyring.mac(self._mac_keys[instance_id], body.encode())},
                    )

    def _producer_on(self, connection: Any) -> Any:
        if self._producer[0] is not connection:
            self._producer = (connection, connection.Producer(serializer=_SERIALIZER, auto_declare=False))
        return self._producer[1]


def _as_it_is(body: str) -> str:
    return body
