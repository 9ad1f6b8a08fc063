"""DescribeActivations (API a.17)."""

from collections.abc import Mapping, Sequence
from typing import Unpack

from cloudassist.activation import is_activation_id
from cloudassist.errors import NotFoundError
from cloudassist.models.activation import Activation
from cloudassist.operations import listing, not_built, targets
from cloudassist.operations.filters import Filter
from cloudassist.operations.listing import Index, Listing, Position
from cloudassist.operations.not_built import ManagedNotBuilt
from cloudassist.operations.steps import Context, Operation
from cloudassist.store import activations


def describe_activations(
    context: Context,
    *,
    activation_id: str | None = None,
    instance_name: str | None = None,
    tags: Mapping[str, str] | None = None,
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
    **refused: Unpack[ManagedNotBuilt],
) -> Operation[Listing[Activation]]:
    """Return a page of the activations, the newest first, never with their codes (API a.17).

    ``instance_name`` is what its instances' names begin with; it may have ``*`` for any text. ``tags`` must all be
    carried.
    """
    not_built.refuse("describe_activations", ManagedNotBuilt, refused)
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    chosen = Filter.of({}, {"prefix": instance_name})
    carried = None if tags is None else targets.tags(tags)
    filters = {"id": activation_id, "name": instance_name, "tags": carried}
    return (yield from listing.page("activations", filters, wanted, _index(activation_id, chosen, carried)))


def known_activation(activation_id: str, code: str = "") -> Operation[Activation]:
    """Return an activation; raises NotFoundError (InvalidActivation.NotFound)."""
    (fields,) = yield [activations.read(check_id(activation_id))]
    if not fields:
        raise not_found(activation_id)
    return Activation.of(activation_id, fields, code)


def check_id(activation_id: object) -> str:
    """Return an id that may be an activation's; raises NotFoundError for what cannot be one."""
    if not isinstance(activation_id, str) or not is_activation_id(activation_id):
        raise not_found(activation_id)
    return activation_id


def not_found(activation_id: object) -> NotFoundError:
    """Return the error for an activation that is not there."""
    return NotFoundError("InvalidActivation.NotFound", f"there is no activation {activation_id!r:.100}")


def _index(activation_id: str | None, wanted: Filter, carried: Mapping[str, str] | None) -> Index[Activation]:
    def after(position: Position, size: int) -> Operation[list[tuple[Position, str]]]:
        if activation_id is not None:
            return [] if position else [(activation_id, activation_id)]
        (found,) = yield [activations.page(int(position) if position else None, size)]
        return [(str(number), name) for name, number in found]

    def fit(names: Sequence[str]) -> Operation[list[bool]]:
        answers = yield [activations.read(name) for name in names]
        return [
            bool(fields)
            and wanted.fits(fields)
            and (carried is None or targets.carries(fields.get("tags", ""), carried))
            for fields in answers
        ]

    def load(names: Sequence[str]) -> Operation[list[Activation | None]]:
        answers = yield [activations.read(name) for name in names]
        return [Activation.of(name, fields) if fields else None for name, fields in zip(names, answers, strict=True)]

    def total() -> Operation[int]:
        (count,) = yield [activations.total()]
        return int(count)

    is_open = activation_id is None and wanted.is_open and carried is None
    return Index(after, load, total, None if is_open else fit)
