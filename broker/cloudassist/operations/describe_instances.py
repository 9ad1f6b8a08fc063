"""DescribeInstances: who is registered, and how each stands (API a.12, a.17)."""

from collections.abc import Mapping, Sequence

from cloudassist.models.instance import Instance
from cloudassist.operations import arguments, instance_rows, listing, targets
from cloudassist.operations.filters import Filter
from cloudassist.operations.instance_rows import Chosen
from cloudassist.operations.listing import Listing
from cloudassist.operations.steps import Context, Operation


def describe_instances(
    context: Context,
    instance_ids: Sequence[str] | None = None,
    *,
    instance_name: str | None = None,
    os_type: str | None = None,
    agent_version: str | None = None,
    online: bool | None = None,
    tags: Mapping[str, str] | None = None,
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
) -> Operation[Listing[Instance]]:
    """Return a page of the registered instances, in the order of their ids (API a.17).

    ``instance_name`` is what the id is like: it may have ``*`` for any text, and a name that an instance was given
    besides does not matter, so that nothing is run on one by another's. ``tags`` must all be carried. With
    ``instance_ids`` (at most 50) those of them that are registered are returned, in the order in which they were named.
    """
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    named = None
    if instance_ids is not None:
        named = arguments.instance_ids(instance_ids, context.settings.page_size_maximum)
    chosen = Chosen(
        Filter.of({"os_type": os_type, "agent_version": agent_version}, {"instance_id": instance_name}),
        None if online is None else arguments.flag("online", online),
        None if tags is None else targets.tags(tags),
    )
    filters = {
        "ids": named,
        "name": instance_name,
        "os": os_type,
        "agent": agent_version,
        "online": online,
        "tags": chosen.tags,
    }
    return (yield from listing.page("instances", filters, wanted, instance_rows.index(named, chosen, Instance.of)))
