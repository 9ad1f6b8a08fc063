"""DescribeCloudAssistantStatus: whether the client of each instance is there, and how it is (API a.12)."""

from collections.abc import Sequence

from cloudassist.models.cloud_assistant_status import CloudAssistantStatus
from cloudassist.operations import arguments, instance_rows, listing
from cloudassist.operations.filters import Filter
from cloudassist.operations.instance_rows import Chosen
from cloudassist.operations.listing import Listing
from cloudassist.operations.steps import Context, Operation


def describe_cloud_assistant_status(
    context: Context,
    instance_ids: Sequence[str] | None = None,
    *,
    os_type: str | None = None,
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
) -> Operation[Listing[CloudAssistantStatus]]:
    """Return a page of how the registered instances are, in the order of their ids.

    With ``instance_ids`` (at most 50) those of them that are registered are returned, in the order in which they were
    named. ``os_type`` is Linux, Windows or FreeBSD.
    """
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    named = None
    if instance_ids is not None:
        named = arguments.instance_ids(instance_ids, context.settings.page_size_maximum)
    chosen = Chosen(Filter.of({"os_type": os_type}, {}), None, None)
    index = instance_rows.index(named, chosen, CloudAssistantStatus.of)
    return (yield from listing.page("status", {"ids": named, "os": os_type}, wanted, index))
