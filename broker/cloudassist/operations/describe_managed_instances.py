"""DescribeManagedInstances: the instances that were enrolled with an activation (API a.17)."""

from collections.abc import Mapping, Sequence
from typing import Unpack

from cloudassist.models.instance import Instance
from cloudassist.operations import arguments, instance_rows, listing, not_built, targets
from cloudassist.operations.filters import Filter
from cloudassist.operations.instance_rows import Chosen
from cloudassist.operations.listing import Listing
from cloudassist.operations.not_built import ManagedNotBuilt
from cloudassist.operations.steps import Context, Operation

_ANY = "*-*"
"""What every activation's id is like; that of an instance that has none is empty."""


def describe_managed_instances(
    context: Context,
    instance_ids: Sequence[str] | None = None,
    *,
    instance_name: str | None = None,
    instance_ip: str | None = None,
    os_type: str | None = None,
    activation_id: str | None = None,
    machine_id: str | None = None,
    connected: bool | None = None,
    tags: Mapping[str, str] | None = None,
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
    **refused: Unpack[ManagedNotBuilt],
) -> Operation[Listing[Instance]]:
    """Return a page of the instances that were enrolled with an activation, in the order of their ids (API a.17).

    ``instance_name`` may have ``*`` for any text; ``tags`` must all be carried. With ``instance_ids`` (at most 50)
    those of them that are registered are returned, in the order in which they were named.
    """
    not_built.refuse("describe_managed_instances", ManagedNotBuilt, refused)
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    named = None
    if instance_ids is not None:
        named = arguments.instance_ids(instance_ids, context.settings.page_size_maximum)
    equal = {"os_type": os_type, "activation_id": activation_id, "machine_id": machine_id, "address": instance_ip}
    like = {"instance_name": instance_name, "activation_id": _ANY if activation_id is None else None}
    chosen = Chosen(
        Filter.of(equal, like),
        None if connected is None else arguments.flag("connected", connected),
        None if tags is None else targets.tags(tags),
    )
    filters = {"ids": named, "name": instance_name, "online": connected, "tags": chosen.tags, **equal}
    return (yield from listing.page("managed", filters, wanted, instance_rows.index(named, chosen, Instance.of)))
