"""What all models share: names and times."""

from datetime import UTC, datetime
from typing import Annotated

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
