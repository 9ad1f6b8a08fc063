"""The life of one order on this agent.

::

    order ─► claim ─► in time? ─► new to the journal? "about to start" on disk ─► script ─► last report

Celery brings the order and shows its course; everything here would be the same without it.
"""

import itertools
import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cloudassist import topology
from cloudassist.error_code import ErrorCode
from cloudassist.errors import MessageError
from cloudassist.keyring import AgreementKey
from cloudassist.orders import Order, Payload, Purpose
from cloudassist.secret_values import decrypt
from cloudassist.status import InvocationStatus
from cloudassist_agent import executor, folder, host
from cloudassist_agent.clock import ServerClock
from cloudassist_agent.executor import Outcome, refusal
from cloudassist_agent.journal.journal import Journal, JournalError
from cloudassist_agent.scripts import system
from cloudassist_agent.scripts.following import Follower
from cloudassist_agent.scripts.running import Run, Running
from cloudassist_agent.settings import AgentSettings
from cloudassist_agent.signs import Sign, Signs
from cloudassist_agent.trust import Trust
from cloudassist_agent.upstream import report
from cloudassist_agent.upstream.link import Claim, Link
from cloudassist_agent.upstream.sender import Sender

log = logging.getLogger(__name__)


_DECIDED: Final = {
    topology.STOPPED_CLAIM: Outcome(InvocationStatus.STOPPED),
    topology.EXPIRED_CLAIM: refusal(ErrorCode.DELIVERY_TIMEOUT, "the order came after its record had ended"),
}
"""What a record came to whose claim says that it never starts; the ledger knows."""


_PAYLOADS: Final = 8
"""Payloads that are kept as they were read, the most: one that stands for many instances reads the same again."""
_decoded: Final = lru_cache(_PAYLOADS)(Payload.decode)


class _UnreadableError(Exception):
    """What is to be run cannot be read here, and never will be; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Verifies orders and carries them out. ``claimant`` is this agent's name in claims: journal and boot."""

    settings: AgentSettings
    trust: Trust
    own: AgreementKey
    claimant: str
    clock: ServerClock
    journal: Journal
    link: Link
    running: Running
    sender: Sender
    signs: Signs

    def open(self, purpose: Purpose, envelope: object) -> Order:
        """Verify an order, and that it is for us and still worth reading; raises MessageError."""
        order = Order.open(purpose, envelope, self.trust.keys, self.clock.now())
        if order.instance_id not in self.settings.instance_id:
            raise MessageError("wrong-audience", order.instance_id)
        if order.epoch != self.settings.epoch:
            raise MessageError("wrong-epoch", str(order.epoch))
        if order.expires < self.clock.now():
            raise MessageError("expired", order.record_id)
        return order

    def carry_out(self, order: Order) -> Outcome | None:
        """Carry out a run and return how the record ended; None where it is in hand already, and goes on.

        Raises MessageError where the claim is another agent's or the payload is not what was signed, and
        ServiceUnavailableError where the server does not answer. Nothing was started then, and the order comes again.
        """
        run = self.running.add(order.record_id, order.instance_id)
        if run is None:
            return None
        try:
            with self.signs.during(order.record_id) as sign:
                return self._claim(order, run, sign)
        except JournalError as error:
            info = f"the journal cannot be used: {error}"
            return self._without_journal(order, refusal(ErrorCode.EXECUTION_EXCEPTION, info))
        finally:
            self.running.remove(run)

    def stop(self, order: Order) -> None:
        """Carry out a stop: of a script that runs, or of a record that then never starts."""
        if not self.running.stop(order.record_id):
            stopped = Outcome(InvocationStatus.STOPPED)
            try:
                self._never_start(order, stopped)
            except JournalError:
                self._without_journal(order, stopped)

    def _claim(self, order: Order, run: Run, sign: Sign) -> Outcome | None:
        claim = self.link.claim(order, self.claimant)
        if claim.holder in _DECIDED:
            return _DECIDED[claim.holder]
        if claim.holder not in {None, self.claimant}:
            return self._never_start(order, self._of_another(claim.holder, order))
        if claim.now > order.start_by:
            return self._never_start(order, _too_late(claim))
        try:
            payload, secrets = self._read(order, claim.payload)
        except _UnreadableError as error:
            return self._never_start(order, refusal(ErrorCode.EXECUTION_EXCEPTION, str(error)))
        if not self.journal.begin(order.record_id, order.instance_id, host.boot_id(), claim.now, order.expires):
            return self._repeat(order)
        return self._run(order, payload, secrets, run, sign)

    def _of_another(self, holder: str, order: Order) -> Outcome:
        """Return what became of a record that somebody else claimed; raises MessageError where that is a stranger."""
        journal_id = holder.partition("/")[0]
        if holder == topology.REFUSED_CLAIM:
            return refusal(ErrorCode.EXECUTION_EXCEPTION, "the journal could not be used when the order came first")
        if journal_id == self.journal.id:
            return refusal(ErrorCode.INSTANCE_RESTARTED, "the machine was restarted before the script began")
        if journal_id in self.journal.former:
            info = "the journal could not be read and was begun anew: whether the script ran is not known"
            return refusal(ErrorCode.EXECUTION_INTERRUPTED, info)
        raise MessageError("foreign-claim", order.record_id)

    def _read(self, order: Order, data: bytes | None) -> tuple[Payload, dict[str, str]]:
        """Read a payload and its secret values; raises MessageError where it is not the one that was signed."""
        if data is None:
            raise _UnreadableError("the script is no longer on the server")
        payload = _decoded(data, order.payload_hash)
        if not payload.secrets:
            return payload, {}
        try:
            return payload, decrypt(payload.invoke_id, payload.secrets, self.own.unseal(order.sealed))
        except MessageError as error:
            raise _UnreadableError(f"its secret parameters cannot be opened: {error}") from None

    def _run(self, order: Order, payload: Payload, secrets: dict[str, str], run: Run, sign: Sign) -> Outcome:
        record_id, started = order.record_id, self.clock.now()
        if run.stopped:
            outcome = executor.stopped(run)
        else:
            own_folder = folder.of_run(self.settings, self.own, record_id)
            follower = self._follower(record_id, started, sign)
            outcome = executor.execute(payload, run, self.settings, follower, own_folder, secrets)
            sign.promise()
        start_time = None if outcome.seconds is None else started
        last = report.ended(record_id, outcome, at=self.clock.now(), start_time=start_time)
        try:
            self.journal.end(last)
        except JournalError as error:
            log.error("%s: its end is not in the journal: %s", record_id, error)
            self.sender.insist(last)
        self.sender.wake()
        return outcome

    def _follower(self, record_id: str, started: int, sign: Sign) -> Follower:
        sequence = itertools.count(report.STARTED_SEQUENCE + 1)

        def lasts(pid: int) -> None:
            """Say that a script has started. Its process is noted only now: a short one is found by its mark alone."""
            try:
                self.journal.note_process(record_id, pid, system.process_start(pid))
            except JournalError as error:
                log.error("%s: its process is not in the journal: %s", record_id, error)
            self.sender.remark(report.started(record_id, started))

        def writes(position: int, data: bytes) -> None:
            self.sender.chunk(report.output(record_id, next(sequence), started, position, data))

        return Follower(lasts, writes, sign.promise)

    def _never_start(self, order: Order, outcome: Outcome) -> Outcome | None:
        """Settle a record without starting it, unless the journal knows better; then that is said again."""
        now = self.clock.now()
        last = report.ended(order.record_id, outcome, at=now, start_time=None)
        if self.journal.refuse(host.boot_id(), now, order.expires, last):
            self.sender.wake()
            return outcome
        return self._repeat(order)

    def _without_journal(self, order: Order, outcome: Outcome) -> Outcome:
        """Settle a record that cannot be written down: its claim says that it is never started, whatever comes."""
        log.error("%s is not started: %s", order.record_id, outcome.error_info or outcome.status)
        self.link.give_up(order, self.claimant)
        self.sender.insist(report.ended(order.record_id, outcome, at=self.clock.now(), start_time=None))
        return outcome

    def _repeat(self, order: Order) -> Outcome | None:
        """Say again what was said last of a record that the journal knows, and return it where it was its end."""
        entry = self.journal.find(order.record_id)
        if entry is not None and entry.report is None:
            self.sender.remark(report.started(order.record_id, entry.start_time))
            return None
        self.journal.repeat(order.record_id)
        self.sender.wake()
        return None if entry is None or entry.report is None else report.outcome(entry.report)


def _too_late(claim: Claim) -> Outcome:
    """Return the outcome of an order after its time: what nobody had claimed has certainly not started."""
    if claim.holder is None:
        return refusal(ErrorCode.DELIVERY_TIMEOUT, "the order came after the time by which it had to start")
    return refusal(ErrorCode.EXECUTION_INTERRUPTED, "the agent had claimed this record and knows nothing more of it")
