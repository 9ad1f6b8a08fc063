"""Redelivery: orders that were silent are signed anew and sent again."""

import logging
from collections.abc import Sequence
from typing import Any

from cloudassist import ids
from cloudassist.dispatch.warrants import Warrants
from cloudassist.errors import MessageError
from cloudassist.fanout import Fanout
from cloudassist.orders import Order, Purpose, expiry
from cloudassist.settings import Settings
from cloudassist.status import InvocationStatus
from cloudassist.store import instances, invocations
from cloudassist.store.call import Call
from cloudassist.store.invocations import schema_of
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

_READS = 3


class Redelivery:
    """Sends orders of records that exist, as far as a warrant covers them."""

    def __init__(self, ledger: Ledger, fanout: Fanout, settings: Settings, warrants: Warrants) -> None:
        self._ledger = ledger
        self._fanout = fanout
        self._warrants = warrants
        self._grace = settings.kill_grace_seconds
        self._window_ms = int(1000 * settings.start_window_seconds)

    def redeliver(self, runs: Sequence[str], stops: Sequence[str]) -> int:
        """Send the runs and the stops of these records again, where they are still open; return how many."""
        orders = self._warranted(self._orders(runs, Purpose.RUN)) + self._orders(stops, Purpose.STOP)
        self._fanout.publish(self._fanout.sign(orders))
        return len(orders)

    def _warranted(self, orders: Sequence[Order]) -> list[Order]:
        """Return the runs that may be signed; a stop starts nothing, and needs no warrant."""
        covered = self._warrants.of(ids.task_of(order.invoke_id) for order in orders)
        warranted = []
        for order in orders:
            found = covered.get(ids.task_of(order.invoke_id))
            if found is None:
                continue
            try:
                found.check_record(
                    order.instance_id, order.invoke_id, order.payload_hash, order.start_by, self._window_ms
                )
            except MessageError as error:
                log.error("%s is not sent again: %s", order.record_id, error)
            else:
                warranted.append(order)
        return warranted

    def _orders(self, record_ids: Sequence[str], purpose: Purpose) -> list[Order]:
        if not record_ids:
            return []
        split = [ids.split_record_id(record_id) for record_id in record_ids]
        calls: list[Call[Any]] = []
        for record_id, (invoke_id, instance_id) in zip(record_ids, split, strict=True):
            calls += (
                invocations.read_record_fields(record_id, "status"),
                invocations.read_fields(invoke_id, "payload", "hash", "start_by", "timeout", "planned", "schema"),
                invocations.read_sealed(ids.task_of(invoke_id), [instance_id]),
            )
        answers = self._ledger.run(calls)
        now, enrolments = self._ledger.call(instances.read_enrolments([instance_id for _, instance_id in split]))
        wanted = InvocationStatus.RUNNING if purpose is Purpose.RUN else InvocationStatus.STOPPING
        orders: list[Order] = []
        for index, record_id in enumerate(record_ids):
            record, invocation, (sealed,) = answers[_READS * index : _READS * index + _READS]
            enrolment = enrolments[index]
            if record.get("status") == wanted and "planned" in invocation and enrolment is not None:
                orders.append(self._order(purpose, record_id, enrolment.epoch, now, invocation, sealed))
        return orders

    def _order(
        self, purpose: Purpose, record_id: str, epoch: int, now: int, invocation: dict[str, str], sealed: str
    ) -> Order:
        start_by = int(invocation["start_by"])
        run = purpose is Purpose.RUN
        return Order(
            purpose,
            record_id,
            epoch,
            expires=expiry(start_by, now, int(invocation["timeout"]) + self._grace),
            start_by=start_by,
            payload_key=invocation["payload"] if run else "",
            payload_hash=invocation["hash"] if run else "",
            sealed=sealed if run else "",
            schema=schema_of(invocation),
        )
