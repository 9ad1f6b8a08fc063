"""What all models share: names, times, and pages."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar, overload

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_pascal


class ApiModel(BaseModel):
    """A frozen model whose aliases are the API's names."""

    model_config = ConfigDict(frozen=True, alias_generator=to_pascal, populate_by_name=True)


def api_time(moment: datetime | None) -> str:
    """Return a time as the API writes it: UTC to the second, empty where there is none (API a.0)."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[datetime | None, PlainSerializer(api_time, return_type=str)]
"""A moment in UTC, or None."""


def moment(milliseconds: str | int | None) -> datetime | None:
    """Return the moment of so many milliseconds since the epoch; None for none."""
    return None if milliseconds in {None, ""} else datetime.fromtimestamp(int(milliseconds or 0) / 1000, UTC)


M = TypeVar("M", bound=ApiModel)


class Page(Sequence[M], Generic[M]):
    """One page of rows: a sequence, with the token of the next page and how many rows there are in all.

    ``next_token`` is empty on the last page. :meth:`all` walks this page and every later one.
    """

    def __init__(
        self, rows: Sequence[M], *, next_token: str, total_count: int, follow: Callable[[str], "Page[M]"]
    ) -> None:
        self.rows = tuple(rows)
        self.next_token = next_token
        self.total_count = total_count
        self._follow = follow

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

    def all(self) -> Iterator[M]:
        """Yield the rows of this page and of all later ones."""
        page = self
        while True:
            yield from page.rows
            if not page.next_token:
                return
            page = page._follow(page.next_token)
