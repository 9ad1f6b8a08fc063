"""Calls about activations: make, end, remove, read; and about those whose users at the server are to go."""

from collections.abc import Mapping
from typing import Any

from cloudassist import limits
from cloudassist.request import Word
from cloudassist.store import keys
from cloudassist.store.call import Call, as_fields, as_nothing, as_scores, as_text, as_texts, command, flat
from cloudassist.store.library import function_call

_KNOWN_MS = 1000 * limits.ACTIVATION_KNOWN_SECONDS


def create(
    activation_id: str,
    fields: Mapping[str, Word],
    *,
    token: str,
    digest: str,
    token_ms: int,
    most: int,
    life_ms: int,
    act: str,
) -> Call[list[Any]]:
    """Write an activation down; the answer is one of ``store.refusal``, refused above the quota of ``most``."""
    return function_call(
        "create_activation",
        [
            keys.client_token(token),
            keys.activation(activation_id),
            keys.ACTIVATIONS,
            keys.LAPSING,
            keys.SEQUENCE,
            keys.AUDIT_TRAIL,
        ],
        [digest, activation_id, token_ms, most, life_ms, _KNOWN_MS, act, *flat(fields)],
        as_words,
    )


def disable(activation_id: str, act: str) -> Call[list[Any]]:
    """Let an activation be of no use from now on."""
    return function_call("disable_activation", [keys.activation(activation_id), keys.AUDIT_TRAIL], [act], as_words)


def delete(activation_id: str, act: str) -> Call[list[Any]]:
    """Remove an activation unless it is in use; refused with the number of its instances."""
    return function_call(
        "delete_activation",
        [
            keys.activation(activation_id),
            keys.admitted(activation_id),
            keys.ACTIVATIONS,
            keys.LAPSING,
            keys.AUDIT_TRAIL,
        ],
        [activation_id, act],
        as_words,
    )


def read(activation_id: str) -> Call[dict[str, str]]:
    """Return everything written of one activation; empty where there is none."""
    return command(as_fields, "HGETALL", keys.activation(activation_id))


def read_verifier(activation_id: str) -> Call[str]:
    """Return the key by which requests are verified; empty where there is no such activation."""
    return command(as_text, "HGET", keys.activation(activation_id), "verifier")


def page(before: int | None, size: int) -> Call[list[tuple[str, int]]]:
    """Return so many activations made before the one with this number, the newest first, each with its number."""
    bound = "+inf" if before is None else f"({before}"
    words = ("ZRANGE", keys.ACTIVATIONS, bound, "-inf", "BYSCORE", "REV", "LIMIT", 0, size, "WITHSCORES")
    return command(as_scores, *words)


def total() -> Call[int]:
    """Return how many activations are kept."""
    return command(int, "ZCARD", keys.ACTIVATIONS)


def lapsed(now: int, most: int) -> Call[list[str]]:
    """Return activations whose users at the server are not needed any more (ms, server's clock)."""
    return command(as_texts, "ZRANGE", keys.LAPSING, "-inf", now, "BYSCORE", "LIMIT", 0, most)


def note_lapsed(activation_id: str) -> Call[None]:
    """Note that the user of an activation is gone."""
    return command(as_nothing, "ZREM", keys.LAPSING, activation_id)


def as_words(answer: list[Any]) -> list[Any]:
    """Decode an answer of a function that may refuse, as it can be passed on."""
    return [part.decode() if isinstance(part, bytes) else part for part in answer]
