"""One request to the ledger, apart from how it gets there.

A call is words and a decoder. Sync and async producers, pipelines and tests carry the same calls.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cloudassist.request import Word

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A command of the server, or a function of our library, with what its answer means."""

    words: tuple[Word, ...]
    decode: Callable[[Any], T]


def command(decode: Callable[[Any], T], *words: Word) -> Call[T]:
    """Return a call of a plain command of the server."""
    return Call(words, decode)


def as_text(answer: bytes | None) -> str:
    """Decode an answer that is text; nil becomes empty."""
    return "" if answer is None else answer.decode()


def as_texts(answer: list[bytes]) -> list[str]:
    """Decode an answer that is a list of texts."""
    return [item.decode() for item in answer]


def as_fields(answer: dict[bytes, bytes]) -> dict[str, str]:
    """Decode a hash."""
    return {name.decode(): value.decode() for name, value in answer.items()}


def as_scores(answer: list[list[Any]]) -> list[tuple[str, int]]:
    """Decode members of a sorted set with whole numbers as scores."""
    return [(member.decode(), int(score)) for member, score in answer]


def as_nothing(_: Any) -> None:
    """Decode an answer that says nothing."""


def flat(fields: Mapping[str, Any]) -> list[Word]:
    """Return fields and values as one list."""
    return [word for pair in fields.items() for word in pair]
