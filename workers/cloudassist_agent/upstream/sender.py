"""The sender: publishes what this agent has to say, over one connection of its own.

Last reports come from the journal and leave it only when they are known to be sent; what was sent without an answer is
sent again. Passing remarks (a registration, "started") are told once and may be lost: the last report says it all.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from celery import Celery

from cloudassist.errors import ServiceUnavailableError
from cloudassist.looper import Looper
from cloudassist.messages import Registration, Report
from cloudassist_agent.journal.journal import Journal, JournalError, Unsent
from cloudassist_agent.upstream.post import Post
from cloudassist_agent.upstream.wire import Wire

log = logging.getLogger(__name__)

BATCH: Final = 50
"""Last reports published at a time."""
REMARKS: Final = 10_000
"""Passing remarks kept while the server is away, the newest."""
PRUNE_SECONDS: Final = 3_600.0
"""Seconds between two prunings of the journal."""
REST_SECONDS: Final = 60.0
"""Seconds between two looks at the journal where nobody says that there is something."""


class Sender(Looper):
    """The duty. ``mac_key`` returns the key of an instance's reports; ``prune`` is called now and then."""

    name = "sender"

    def __init__(
        self, app: Celery, journal: Journal, mac_key: Callable[[str], bytes], prune: Callable[[], object]
    ) -> None:
        super().__init__()
        self._wire = Wire(app.connection_for_write, "reports wait")
        self._post = Post(self._wire, mac_key)
        self._journal = journal
        self._prune = prune
        self._next_pruning = 0.0
        self._remarks: deque[tuple[str, str]] = deque(maxlen=REMARKS)
        self._chunks: dict[str, Report] = {}
        self._insisted: dict[str, Report] = {}
        self._unmarked: set[str] = set()

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
        bodies = remarks + [(message.instance_id, message.encode()) for message in (*chunks, *insisted)]
        bodies += [(entry.instance_id, entry.body) for entry in entries]
        if bodies:
            try:
                self._post.publish(bodies)
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

    def _unsent(self) -> list[Unsent]:
        try:
            entries = self._journal.unsent(BATCH + len(self._unmarked))
        except JournalError as error:
            log.error("reports cannot be read: %s", error)
            return []
        return [entry for entry in entries if entry.record_id not in self._unmarked]

    def _mark_sent(self, record_ids: list[str]) -> None:
        """Write down what was sent; what cannot be written is remembered, not to be sent over and over."""
        self._unmarked.update(record_ids)
        if not self._unmarked:
            return
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
