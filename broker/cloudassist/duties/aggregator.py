"""The aggregator: applies what instances report, and tells whoever waits.

Reports are taken into a list of the aggregator's own, applied, and only then removed; after any error what lies in that
list comes again first. Applying is idempotent, so a report counts once however often it comes. What cannot be read or
proven is put aside with its reason and never stops the rest.
"""

import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import ids
from cloudassist.duties.letter import Letter, open_letter
from cloudassist.duties.pace import Pace
from cloudassist.duties.proofs import Proofs
from cloudassist.duties.tally import Tally
from cloudassist.errors import MessageError
from cloudassist.keyring import AgreementKey
from cloudassist.looper import Looper
from cloudassist.messages import ClientStatus, Registration, Report
from cloudassist.patience import SAY_AGAIN_SECONDS
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations, reports
from cloudassist.store.call import Call
from cloudassist.store.ledger import Ledger
from cloudassist.store.pending import Pending
from cloudassist.store.reports import Applied
from cloudassist.verdict import watch_ms

log = logging.getLogger(__name__)

WAIT_SECONDS: Final = 1.0
"""Seconds that one wait for a report lasts; also the pace at which an idle aggregator gives a sign of life."""
SILENCE_MS: Final = 15_000
"""Milliseconds without a sign of life after which another aggregator takes over what one had taken."""
ADOPTION_SECONDS: Final = 5.0
"""Seconds between two looks for dead aggregators."""
BEHIND_SECONDS: Final = 10.0
"""Seconds that an aggregator may be behind before it says so."""

PART: Final = 100
"""Reports that are read and proven while the server applies those before them."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """Letters that the ledger is applying: those of one call together, and its answers."""

    together: Sequence[Sequence[Letter]]
    pending: Pending


class Aggregator(Looper):
    """The duty; several may run at once. ``tally`` is told of what was applied, where somebody wants to know."""

    name = "aggregator"

    def __init__(
        self, ledger: Ledger, settings: Settings, keys: Sequence[AgreementKey], tally: Tally | None = None
    ) -> None:
        super().__init__()
        self._ledger = ledger
        self._tally = tally
        self._retention_ms = int(1000 * settings.retention_seconds)
        self._watch_ms = watch_ms(settings)
        self._waiting = settings.waiting_reports
        self._proofs = Proofs(ledger, keys)
        self._pace = Pace()
        self._taker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._done = 0
        self._behind_since: float | None = None
        self._tell_at = 0.0
        self._next_adoption = 0.0
        self._put_aside: Counter[str] = Counter()
        self._rejected: list[tuple[bytes, str]] = []

    def turn(self) -> float:
        """Take a batch, apply it; return the seconds to rest."""
        # After an error nothing counts as done: whatever is still in the taken list comes again.
        done, self._done = self._done, 0
        taken = self._ledger.call(reports.take(self._taker, done, self._waiting))
        self._note_left(taken.left)
        self._proofs.note(taken.revocations)
        batch = taken.messages or self._wait()
        if batch:
            self._apply(batch)
            self._done = len(batch)
        return 0.0 if taken.left else self._pace.rest(len(batch))

    def finish(self) -> None:
        """Leave what is not applied to the others."""
        self._ledger.call(reports.retire(self._taker, self._done, SILENCE_MS))

    @property
    def behind_seconds(self) -> float:
        """Return for how long it has not caught up with what waits; 0 where it has."""
        return 0.0 if self._behind_since is None else time.monotonic() - self._behind_since

    def _note_left(self, left: int) -> None:
        """Note how many reports wait that were not taken; say so where that goes on."""
        now = time.monotonic()
        if not left:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since, self._tell_at = now, now + BEHIND_SECONDS
        elif now >= self._tell_at:
            self._tell_at = now + SAY_AGAIN_SECONDS
            log.warning("behind for %.0f s: %d reports wait; another control worker helps", self.behind_seconds, left)

    def _wait(self) -> list[bytes]:
        if time.monotonic() >= self._next_adoption:
            self._next_adoption = time.monotonic() + ADOPTION_SECONDS
            self._adopt()
        message = self._ledger.call(reports.wait_for_one(self._taker, WAIT_SECONDS))
        return [] if message is None else [message]

    def _adopt(self) -> None:
        for taker in self._ledger.call(reports.takers()):
            if taker != self._taker:
                adopted = self._ledger.call(reports.adopt(taker, self._taker, SILENCE_MS))
                if adopted >= 0:
                    log.warning("%s is gone; its %d reports were taken over", taker, adopted)

    def _apply(self, batch: Sequence[bytes]) -> None:
        """Apply a batch part by part: while the server works on one, the next is read.

        If the ledger does not even take that, the turn fails and comes again.
        """
        self._rejected = []
        touched: set[str] = set()
        sent: _Sent | None = None
        try:
            for start in range(0, len(batch), PART):
                letters = self._proven(self._read(batch[start : start + PART]))
                touched |= _touched(letters)
                last = start + PART >= len(batch)
                sent, before = None, sent
                self._conclude(before)
                sent = self._send(letters, touched if last else ())
            sent, before = None, sent
            self._conclude(before)
        finally:
            if sent is not None:
                sent.pending.abandon()
        self._put_rejected_aside()

    def _read(self, batch: Sequence[bytes]) -> list[Letter]:
        letters = []
        for raw in batch:
            try:
                letters.append(open_letter(raw))
            except MessageError as error:
                self._reject(raw, error.reason)
        return letters

    def _proven(self, letters: Sequence[Letter]) -> list[Letter]:
        """Return what the instances sent that it claims to be from; the rest is rejected.

        Who they are is applied at first, so that what they say besides can be proven.
        """
        registrations = self._prove(letter for letter in letters if isinstance(letter.message, Registration))
        if registrations:
            self._conclude(self._send(registrations, ()))
        others = [letter for letter in letters if not isinstance(letter.message, Registration)]
        self._proofs.prepare({letter.message.instance_id for letter in others})
        return self._prove(others)

    def _prove(self, letters: Iterable[Letter]) -> list[Letter]:
        proven = []
        for letter in letters:
            try:
                self._proofs.prove(letter)
                proven.append(letter)
            except MessageError as error:
                self._reject(letter.raw, error.reason)
        return proven

    def _send(self, letters: Sequence[Letter], touched: Iterable[str]) -> "_Sent | None":
        """Have the ledger apply letters, and then tell whoever waits for an invocation that was touched."""
        together = list(_together(letters))
        calls = [*map(self._call_of, together), *map(invocations.notice, touched)]
        return _Sent(together, self._ledger.begin(calls)) if calls else None

    def _conclude(self, sent: "_Sent | None") -> None:
        """Wait for what became of letters, and reject those that could not be applied."""
        if sent is None:
            return
        for several, answer in zip(sent.together, sent.pending.finish(), strict=False):
            if isinstance(answer, Exception):
                log.error("%d reports could not be applied: %s", len(several), answer)
            told = self._words(answer, several) if isinstance(answer, Applied) else [answer] * len(several)
            for letter, each in zip(several, told, strict=True):
                if reason := _why_not(each):
                    self._reject(letter.raw, reason)

    def _words(self, applied: Applied, letters: Sequence[Letter]) -> list[str]:
        """Return what became of the reports of one run, after counting them."""
        if self._tally is not None:
            self._tally.note_reports(applied, _reports(letters))
        return applied.words

    def _call_of(self, letters: Sequence[Letter]) -> Call[Any]:
        first = letters[0].message
        if isinstance(first, Registration):
            return instances.register(first)
        if isinstance(first, ClientStatus):
            return instances.note_client(first)
        return reports.apply(_reports(letters), retention_ms=self._retention_ms, watch_ms=self._watch_ms)

    def _reject(self, raw: bytes, reason: str) -> None:
        self._rejected.append((raw, reason))
        self._put_aside[reason] += 1
        if self._put_aside[reason] == 1:
            log.warning("put aside a message on reports: %s (further ones are only counted)", reason)

    def _put_rejected_aside(self) -> None:
        """Put aside what was rejected in this turn, all of it at once: a flood must cost little."""
        rejected, self._rejected = self._rejected, []
        if rejected:
            self._ledger.run(reports.put_aside(rejected))


def _reports(letters: Sequence[Letter]) -> list[Report]:
    """Return the reports among what instances have sent."""
    return [letter.message for letter in letters if isinstance(letter.message, Report)]


def _touched(letters: Sequence[Letter]) -> set[str]:
    """Return the invocations that reports are about."""
    return {
        ids.split_record_id(letter.message.record_id)[0] for letter in letters if isinstance(letter.message, Report)
    }


def _together(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    """Return what is carried out in one call each: reports of one invocation, in their order; anything else alone."""
    by_run: dict[str, list[Letter]] = {}
    for letter in letters:
        if not isinstance(letter.message, Report):
            yield [letter]
            continue
        several = by_run.setdefault(ids.split_record_id(letter.message.record_id)[0], [])
        several.append(letter)
        if len(several) == reports.APPLIED:
            yield list(several)
            several.clear()
    yield from filter(None, by_run.values())


def _why_not(answer: object) -> str:
    """Return why a message was not applied; empty where it was, or had no effect that it should have had."""
    if isinstance(answer, Exception) or answer == "failed":
        return "not-applied"
    if answer == "unknown":
        return "unknown"
    return "foreign-key" if answer is False else ""
