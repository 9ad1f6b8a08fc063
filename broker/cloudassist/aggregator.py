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
from collections.abc import Sequence
from typing import Any, Final

from cloudassist import fields, ids, keyring, limits, messages
from cloudassist.errors import MessageError
from cloudassist.keyring import AgreementKey
from cloudassist.looper import Looper
from cloudassist.messages import Message, Registration, Report
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


class Aggregator(Looper):
    """The duty; several may run at once."""

    name = "aggregator"

    def __init__(self, ledger: Ledger, settings: Settings, key: AgreementKey) -> None:
        super().__init__()
        self._ledger = ledger
        self._retention_ms = int(1000 * settings.retention_seconds)
        self._watch_ms = watch_ms(settings)
        self._proofs = _Proofs(ledger, key)
        self._taker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._done = 0
        self._next_adoption = 0.0
        self._put_aside: Counter[str] = Counter()

    def turn(self) -> float:
        """Take a batch, apply it; return the seconds to rest."""
        # After an error nothing counts as done: whatever is still in the taken list comes again.
        done, self._done = self._done, 0
        batch = self._ledger.call(reports.take(self._taker, done)) or self._wait()
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
        read = [(raw, _try(_open, raw)) for raw in batch]
        self._proofs.prepare({opened[2].instance_id for _, opened in read if not isinstance(opened, MessageError)})
        calls: list[Call[Any]] = []
        sources: list[bytes] = []
        touched: set[str] = set()
        for raw, opened in read:
            call = opened if isinstance(opened, MessageError) else _try(self._call_of, opened)
            if isinstance(call, MessageError):
                self._reject(raw, call.reason)
                continue
            calls.append(call)
            sources.append(raw)
            if not isinstance(opened, MessageError) and isinstance(opened[2], Report):
                touched.add(ids.split_record_id(opened[2].record_id)[0])
        calls += [invocations.notice(invoke_id) for invoke_id in touched]
        self._settle(sources, self._ledger.try_all(calls))

    def _settle(self, sources: Sequence[bytes], answers: Sequence[Any]) -> None:
        """Put aside what the ledger did not take. If it does not even take that, the turn fails and comes again."""
        for raw, answer in zip(sources, answers[: len(sources)], strict=True):
            if isinstance(answer, Exception):
                log.error("a report could not be applied: %s", answer)
                self._reject(raw, "not-applied")
            elif answer == "unknown":
                self._reject(raw, "unknown-record")
            elif answer is False:
                self._reject(raw, "foreign-key")

    def _call_of(self, opened: tuple[bytes, str, Message]) -> Call[Any]:
        body, mac, message = opened
        if isinstance(message, Registration):
            self._proofs.check_registration(message, body, mac)
            return instances.register(message)
        self._proofs.check_report(message, body, mac)
        return reports.apply(message, retention_ms=self._retention_ms, watch_ms=self._watch_ms)

    def _reject(self, raw: bytes, reason: str) -> None:
        self._ledger.run(reports.put_aside(raw, reason))
        self._put_aside[reason] += 1
        if self._put_aside[reason] == 1:
            log.warning("put aside a message on reports: %s (further ones are only counted)", reason)


class _Proofs:
    """The MAC keys of instances, computed once each and forgotten when a MAC does not fit any more."""

    def __init__(self, ledger: Ledger, key: AgreementKey) -> None:
        self._ledger = ledger
        self._key = key
        self._known: dict[str, bytes] = {}

    def prepare(self, instance_ids: set[str]) -> None:
        """Read the public keys that are not known yet, in one round trip."""
        missing = sorted(instance_ids - self._known.keys())
        texts = self._ledger.run([instances.read_public_key(instance_id) for instance_id in missing])
        for instance_id, text in zip(missing, texts, strict=True):
            if text:
                self._known[instance_id] = self._key.mac_key(instance_id, keyring.decode_public_key(text))

    def check_registration(self, message: Registration, body: bytes, mac: str) -> None:
        """Raise MessageError unless the sender holds the private half of the key that it names."""
        key = self._key.mac_key(message.instance_id, keyring.decode_public_key(message.public_key))
        if not keyring.same_mac(keyring.mac(key, body), mac):
            raise MessageError("bad-mac")
        self._known.pop(message.instance_id, None)

    def check_report(self, report: Report, body: bytes, mac: str) -> None:
        """Raise MessageError unless the instance sent this, about a record of its own."""
        _, instance_id = ids.split_record_id(report.record_id)
        if instance_id != report.instance_id:
            raise MessageError("foreign-record")
        key = self._known.get(instance_id)
        if key is None:
            raise MessageError("unknown-instance")
        if not keyring.same_mac(keyring.mac(key, body), mac):
            del self._known[instance_id]
            raise MessageError("bad-mac")


def _open(raw: bytes) -> tuple[bytes, str, Message]:
    """Unwrap a kombu message; return its body, its MAC and what it says. Raises MessageError."""
    envelope = fields.parse_object(raw, limit=limits.MESSAGE_BYTES)
    body, headers, properties = (envelope.get(name) for name in ("body", "headers", "properties"))
    if not isinstance(body, str) or not isinstance(headers, dict) or not isinstance(properties, dict):
        raise MessageError("bad-shape")
    try:
        encoded = properties.get("body_encoding") == "base64"
        data = base64.b64decode(body, validate=True) if encoded else body.encode()
    except (binascii.Error, ValueError):
        raise MessageError("bad-body") from None
    return data, fields.text(headers, messages.MAC_HEADER, most=64), messages.decode(data)


def _try(function: Any, argument: Any) -> Any:
    try:
        return function(argument)
    except MessageError as error:
        return error
