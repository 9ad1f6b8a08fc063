"""Pages of rows, as the two faces hand them out."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

from cloudassist.models.base import ApiModel
from cloudassist.operations.listing import Listing

M = TypeVar("M", bound=ApiModel)


class Rows(Sequence[M], Generic[M]):
    """The rows of one page, ``next_token`` of the next one (empty on the last), and ``total_count``.

    ``total_count`` is how many rows there are in all; None where filters were given and the page was not asked for by
    its number. A page may have fewer rows than it was asked for: only an empty token says that it is the last.
    """

    def __init__(self, listing: Listing[M]) -> None:
        self.rows = tuple(listing.rows)
        self.next_token = listing.next_token
        self.total_count = listing.total_count

    @overload
    def __getitem__(self, index: int) -> M: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[M]: ...
    def __getitem__(self, index: int | slice) -> M | Sequence[M]:
        """Return a row of this page."""
        return self.rows[index]

    def __len__(self) -> int:
        """Return how many rows this page has."""
        return len(self.rows)


class Page(Rows[M]):
    """One page; :meth:`all` walks it and every later one."""

    def __init__(self, listing: Listing[M], follow: "Callable[[str], Page[M]]") -> None:
        super().__init__(listing)
        self._follow = follow

    def all(self) -> Iterator[M]:
        """Yield the rows of this page and of all later ones."""
        page = self
        while True:
            yield from page.rows
            if not page.next_token:
                return
            page = page._follow(page.next_token)


class AsyncPage(Rows[M]):
    """One page; :meth:`all` walks it and every later one."""

    def __init__(self, listing: Listing[M], follow: "Callable[[str], Awaitable[AsyncPage[M]]]") -> None:
        super().__init__(listing)
        self._follow = follow

    async def all(self) -> AsyncIterator[M]:
        """Yield the rows of this page and of all later ones."""
        page = self
        while True:
            for row in page.rows:
                yield row
            if not page.next_token:
                return
            page = await page._follow(page.next_token)
