"""What an agent is made of, how it begins and how it ends."""

import logging
import time
from pathlib import Path
from typing import Final

from cloudassist import schema
from cloudassist.app import Application
from cloudassist.error_code import ErrorCode
from cloudassist.keyring import encode_key
from cloudassist.keyset import Root
from cloudassist.messages import Registration
from cloudassist.status import InvocationStatus
from cloudassist.version import __version__
from cloudassist_agent import folder, host
from cloudassist_agent.clock import ServerClock
from cloudassist_agent.executor import Outcome
from cloudassist_agent.journal.journal import Entry, Journal, JournalError
from cloudassist_agent.monitors import Monitors
from cloudassist_agent.orders import Orders
from cloudassist_agent.owner import Owner
from cloudassist_agent.scripts import private_folder, system
from cloudassist_agent.scripts.running import Running
from cloudassist_agent.scripts.toll import Toll
from cloudassist_agent.settings import AgentSettings
from cloudassist_agent.signs import Sign, Signs
from cloudassist_agent.trust import Trust
from cloudassist_agent.upstream import report
from cloudassist_agent.upstream.link import Link
from cloudassist_agent.upstream.presence import Heart
from cloudassist_agent.upstream.sender import Sender

log = logging.getLogger(__name__)

JOURNAL_AGAIN_SECONDS: Final = 10
"""Seconds between two attempts to open a journal that cannot be opened."""
CLOCK_MS: Final = 500
"""Milliseconds by which the host's clock has to move, against the server's, before that is told."""


class Agent:
    """The parts of one agent. Threads: one per script that runs, the sender, the heart, and Celery's own."""

    def __init__(self, settings: AgentSettings, app: Application) -> None:
        Root.of(settings)  # a mistake is told before a folder is made
        self._lock = folder.hold(settings.lock_file, "agent")
        key = folder.instance_key(settings)
        trust = Trust(settings, key)
        self._settings = settings
        self._key = key
        self._owner = Owner(encode_key(key.public), host.machine_id())
        self._facts = host.facts()
        self._clock = ServerClock()
        self._clock_offset = 0
        self.link = Link(app, self._clock)
        self.signs = Signs(settings.signs_file, settings.slots, settings.hang_seconds)
        self.sign = self.signs.of("main")
        self.journal = _journal(settings.journal_file, self.sign)
        self.name = f"{self.journal.id}/{host.boot_id()}"
        self.sender = Sender(app, self.journal, trust.mac_key, self._prune)
        self.running = Running(settings.running_per_instance, self._presence_changed)
        self.heart = Heart(self.link, self._clock, settings, self.running, app.refusals, self.name, self._owner, trust)
        self.monitors = Monitors(settings.instance_id, self.running, self._clock, settings.presence_lifetime_seconds)
        self.heart.on_beat = self.look_at_host
        self.heart.show = self.monitors.beat
        for duty in (self.sender, self.heart):
            duty.on_turn = self.signs.of(duty.name).promise
        self.orders = Orders(
            settings=settings,
            trust=trust,
            own=key,
            claimant=self.name,
            clock=self._clock,
            journal=self.journal,
            link=self.link,
            running=self.running,
            sender=self.sender,
            signs=self.signs,
        )

    def start(self) -> bool:
        """End what an earlier agent left running, get the lease, report, and begin to speak. Waits for the server.

        Returns False where it was told to stop before it had the lease.
        """
        tolls = [(entry, self._end(entry)) for entry in self.journal.unended()]
        if not self.heart.acquire(self.sign.promise):
            return False
        for entry, toll in tolls:
            self._settle(entry, toll)
        self.sender.start()
        self.heart.start()
        return True

    def drain(self) -> None:
        """Say that nothing new is taken; what runs goes on."""
        self.heart.drain()

    def register(self) -> None:
        """Say who the instances are; at every connection, since the server may have lost it."""
        self._facts = host.facts()
        self._clock_offset = self._clock.host_offset()
        for instance_id in self._settings.instance_id:
            registration = Registration(
                instance_id,
                self._owner.public_key,
                __version__,
                tags=self._settings.tags_by_key(),
                machine_id=self._owner.machine_id,
                schema=schema.CURRENT,
                clock_offset=self._clock_offset,
                **self._facts,
            )
            self.sender.remark(registration)

    def look_at_host(self) -> None:
        """Say who the instances are again, if something about the host has changed."""
        moved = self._clock.host_offset() - self._clock_offset
        if host.facts() != self._facts or abs(moved) > CLOCK_MS:
            log.info("the host has changed: %s, and its clock by %d ms", host.facts(), moved)
            self.register()

    def stop(self) -> None:
        """Say the last words, give the lease back, and close everything."""
        self.sender.stop()
        self.heart.stop()
        self.link.close()
        self.journal.close()
        self._lock.close()

    def _prune(self) -> None:
        keep_ms = int(1000 * self._settings.journal_seconds)
        self.journal.prune(self._clock.now(), keep_ms, self._settings.journal_bytes)

    def _presence_changed(self) -> None:
        self.heart.wake()

    def _end(self, entry: Entry) -> Toll:
        """End the processes of a script that ran when the last agent of this journal ended, and remove its folder."""
        grace = self._settings.kill_grace_seconds
        self.sign.promise(grace + private_folder.REMOVAL_SECONDS)
        toll = Toll()
        if entry.boot == host.boot_id():
            toll = system.end_leftovers(entry.record_id, entry.pid, entry.pid_start, grace)
        # Also where script files are kept: nothing tells whether secret values are in this one.
        left = folder.of_run(self._settings, self._key, entry.record_id)
        if not private_folder.remove_left(left):
            log.error("%s: %s could not be removed, and may hold secret values", entry.record_id, left)
        return toll

    def _settle(self, entry: Entry, toll: Toll) -> None:
        """Report such a script."""
        restarted = entry.boot != host.boot_id()
        code = ErrorCode.INSTANCE_RESTARTED if restarted else ErrorCode.EXECUTION_INTERRUPTED
        info = "the machine was restarted" if restarted else f"the agent ended; {toll}"
        outcome = Outcome(InvocationStatus.FAILED, error_code=code, error_info=info, toll=toll)
        last = report.ended(entry.record_id, outcome, at=self._clock.now(), start_time=entry.start_time)
        try:
            self.journal.end(last)
        except JournalError as error:
            log.error("%s: its end is not in the journal: %s", entry.record_id, error)
            self.sender.insist(last)
        self.monitors.ended_before(entry.record_id, outcome)
        log.warning("%s: %s", entry.record_id, info)


def _journal(path: Path, sign: Sign) -> Journal:
    """Open the journal; waits where that cannot be done (a full disk): without one nothing may be started."""
    while True:
        sign.promise(JOURNAL_AGAIN_SECONDS)
        try:
            return Journal(path)
        except JournalError as error:
            log.critical("the journal cannot be opened, and is tried again in %d s: %s", JOURNAL_AGAIN_SECONDS, error)
            time.sleep(JOURNAL_AGAIN_SECONDS)
