"""Reading the audit trail."""

from collections.abc import Sequence

from cloudassist.models.audit_entry import AuditEntry
from cloudassist.operations import listing
from cloudassist.operations.filters import Filter
from cloudassist.operations.listing import Index, Listing, Position
from cloudassist.operations.steps import Context, Operation
from cloudassist.store import audit


def describe_audit_trail(
    context: Context,
    *,
    caller: str | None = None,
    operation: str | None = None,
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
) -> Operation[Listing[AuditEntry]]:
    """Return a page of the audit trail, the newest entry first.

    Every call that changed something, or tried to and was refused: who, what, on which instances, when, and with which
    outcome. ``caller`` and ``operation`` may have ``*`` for any text. Scripts and values of parameters are not in it.
    """
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    chosen = Filter.of({}, {"caller": caller, "operation": operation})
    filters = {"by": [caller, operation]}
    return (yield from listing.page("audit", filters, wanted, _index(chosen)))


def _index(chosen: Filter) -> Index[AuditEntry]:
    read: dict[str, dict[str, str]] = {}

    def after(position: Position, size: int) -> Operation[list[tuple[Position, str]]]:
        (found,) = yield [audit.page(position, size)]
        read.update(found)
        return [(entry_id, entry_id) for entry_id, _ in found]

    def fit(entry_ids: Sequence[str]) -> Operation[list[bool]]:
        yield from ()
        return [chosen.fits(read[entry_id]) for entry_id in entry_ids]

    def load(entry_ids: Sequence[str]) -> Operation[list[AuditEntry | None]]:
        yield from ()
        return [AuditEntry.of(entry_id, read[entry_id]) for entry_id in entry_ids]

    def total() -> Operation[int]:
        (count,) = yield [audit.length()]
        return int(count)

    return Index(after, load, total, None if chosen.is_open else fit)
