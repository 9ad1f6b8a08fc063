"""The aggregator: applies what instances report, and tells whoever waits.

Reports are taken into a list of the aggregator's own, applied, and only then removed; after any error what lies in that
list comes again first. Applying is idempotent, so a report counts once however often it comes. What cannot be read or
proven is put aside with its reason and never stops the rest.
"""

import base64
import binascii
import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import fields, ids, keyring, limits, messages
from cloudassist.errors import MessageError
from cloudassist.keyring import AgreementKey
from cloudassist.looper import Looper
from cloudassist.messages import ClientStatus, Message, Registration, Report
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations, reports
from cloudassist.store.call import Call
from cloudassist.store.ledger import Ledger
from cloudassist.verdict import watch_ms

log = logging.getLogger(__name__)

WAIT_SECONDS: Final = 1.0
"""Seconds that one wait for a report lasts; also the pace at which an idle aggregator gives a sign of life."""
SILENCE_MS: Final = 15_000
"""Milliseconds without a sign of life after which another aggregator takes over what one had taken."""
ADOPTION_SECONDS: Final = 5.0
"""Seconds between two looks for dead aggregators."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on ``reports``: as it came, the bytes that its MAC is over, the MAC, and what it says."""

    raw: bytes
    body: bytes
    mac: str
    message: Message


class Aggregator(Looper):
    """The duty; several may run at once."""

    name = "aggregator"

    def __init__(self, ledger: Ledger, settings: Settings, keys: Sequence[AgreementKey]) -> None:
        super().__init__()
        self._ledger = ledger
        self._retention_ms = int(1000 * settings.retention_seconds)
        self._watch_ms = watch_ms(settings)
        self._waiting = settings.waiting_reports
        self._proofs = _Proofs(ledger, keys)
        self._taker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._done = 0
        self._next_adoption = 0.0
        self._put_aside: Counter[str] = Counter()
        self._rejected: list[tuple[bytes, str]] = []

    def turn(self) -> float:
        """Take a batch, apply it; return the seconds to rest."""
        # After an error nothing counts as done: whatever is still in the taken list comes again.
        done, self._done = self._done, 0
        batch = self._ledger.call(reports.take(self._taker, done, self._waiting)) or self._wait()
        if batch:
            self._apply(batch)
            self._done = len(batch)
        return 0

    def finish(self) -> None:
        """Leave nothing behind."""
        self._ledger.run(reports.retire(self._taker, self._done))

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
        """Apply a batch: at first who the instances are, so that what they say besides can be proven."""
        self._rejected = []
        letters = self._read(batch)
        registrations = [letter for letter in letters if isinstance(letter.message, Registration)]
        others = [letter for letter in letters if not isinstance(letter.message, Registration)]
        self._settle(registrations)
        self._proofs.prepare({letter.message.instance_id for letter in others})
        self._settle(others)
        self._put_rejected_aside()

    def _read(self, batch: Sequence[bytes]) -> list[Letter]:
        letters = []
        for raw in batch:
            try:
                letters.append(open_letter(raw))
            except MessageError as error:
                self._reject(raw, error.reason)
        return letters

    def _settle(self, letters: Sequence[Letter]) -> None:
        """Apply what can be proven, tell whoever waits, and put aside the rest.

        If the ledger does not even take that, the turn fails and comes again.
        """
        proven: list[Letter] = []
        for letter in letters:
            try:
                self._proofs.prove(letter)
                proven.append(letter)
            except MessageError as error:
                self._reject(letter.raw, error.reason)
        together = list(_together(proven))
        notices = [invocations.notice(invoke_id) for invoke_id in _touched(proven)]
        answers = self._ledger.try_all([*map(self._call_of, together), *notices])
        for several, answer in zip(together, answers, strict=False):
            if isinstance(answer, Exception):
                log.error("%d reports could not be applied: %s", len(several), answer)
            told = answer if isinstance(answer, list) else [answer] * len(several)
            for letter, each in zip(several, told, strict=True):
                if reason := _why_not(each):
                    self._reject(letter.raw, reason)

    def _call_of(self, letters: Sequence[Letter]) -> Call[Any]:
        first = letters[0].message
        if isinstance(first, Registration):
            return instances.register(first)
        if isinstance(first, ClientStatus):
            return instances.note_client(first)
        said = [letter.message for letter in letters if isinstance(letter.message, Report)]
        return reports.apply(said, retention_ms=self._retention_ms, watch_ms=self._watch_ms)

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


class _Proofs:
    """The MAC keys of instances, computed once each, and again where a MAC did not fit.

    What does not fit is not believed, but changes nothing for what comes with it: anybody could have sent it.
    """

    def __init__(self, ledger: Ledger, keys: Sequence[AgreementKey]) -> None:
        self._ledger = ledger
        self._keys = keys
        self._known: dict[str, tuple[bytes, ...]] = {}
        self._doubted: set[str] = set()

    def prepare(self, instance_ids: set[str]) -> None:
        """Read the public keys that are not known yet, in one round trip."""
        missing = sorted(instance_ids - (self._known.keys() - self._doubted))
        self._doubted -= instance_ids
        texts = self._ledger.run([instances.read_public_key(instance_id) for instance_id in missing])
        for instance_id, text in zip(missing, texts, strict=True):
            if not text:
                self._known.pop(instance_id, None)
            else:
                self._known[instance_id] = self._mac_keys(instance_id, keyring.decode_public_key(text))

    def prove(self, letter: Letter) -> None:
        """Raise MessageError unless the instance sent this, and may."""
        if isinstance(letter.message, Registration):
            self.check_registration(letter)
        else:
            self.check(letter)

    def check_registration(self, letter: Letter) -> None:
        """Raise MessageError unless the sender holds the private half of the key that it names."""
        registration = letter.message
        assert isinstance(registration, Registration)
        public = keyring.decode_public_key(registration.public_key)
        if not _fits(letter, self._mac_keys(registration.instance_id, public)):
            raise MessageError("bad-mac")
        self._known.pop(registration.instance_id, None)

    def check(self, letter: Letter) -> None:
        """Raise MessageError unless the instance sent this, and about itself or a record of its own."""
        instance_id = letter.message.instance_id
        if isinstance(letter.message, Report) and ids.split_record_id(letter.message.record_id)[1] != instance_id:
            raise MessageError("foreign-record")
        keys = self._known.get(instance_id)
        if keys is None:
            raise MessageError("unknown-instance")
        if not _fits(letter, keys):
            self._doubted.add(instance_id)
            raise MessageError("bad-mac")

    def _mac_keys(self, instance_id: str, public: bytes) -> tuple[bytes, ...]:
        """Return the keys that an instance may use: one for each report key that still counts."""
        return tuple(key.mac_key(instance_id, public) for key in self._keys)


def _fits(letter: Letter, keys: Sequence[bytes]) -> bool:
    return any(keyring.same_mac(keyring.mac(key, letter.body), letter.mac) for key in keys)


def open_letter(raw: bytes) -> Letter:
    """Unwrap a kombu message; raises MessageError."""
    envelope = fields.parse_object(raw, limit=limits.MESSAGE_BYTES)
    body, headers, properties = (envelope.get(name) for name in ("body", "headers", "properties"))
    if not isinstance(body, str) or not isinstance(headers, dict) or not isinstance(properties, dict):
        raise MessageError("bad-shape")
    try:
        encoded = properties.get("body_encoding") == "base64"
        data = base64.b64decode(body, validate=True) if encoded else body.encode()
    except (binascii.Error, ValueError):
        raise MessageError("bad-body") from None
    return Letter(raw, data, fields.text(headers, messages.MAC_HEADER, most=64), messages.decode(data))


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
