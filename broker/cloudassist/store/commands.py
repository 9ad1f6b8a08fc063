"""Calls about commands: make, change, remove, read."""

from collections.abc import Mapping
from typing import Any

from cloudassist.request import Word
from cloudassist.store import keys
from cloudassist.store.audit import Act
from cloudassist.store.call import Call, as_fields, as_scores, command, flat
from cloudassist.store.library import function_call
from cloudassist.store.refusal import Earlier, Refused, verdict


def create(
    command_id: str, fields: Mapping[str, Word], *, token: str, digest: str, token_ms: int, most: int, act: Act
) -> Call[Refused | Earlier | None]:
    """Write a command down that is to be kept; refused above the quota of ``most``."""
    return function_call(
        "create_command",
        [keys.client_token(token), keys.command(command_id), keys.COMMANDS, keys.SEQUENCE, keys.AUDIT_TRAIL],
        [digest, command_id, token_ms, most, act.encode(), *flat(fields)],
        verdict,
    )


def modify(command_id: str, fields: Mapping[str, Word], act: Act) -> Call[bool]:
    """Change fields of a command; False where there is none."""
    return function_call(
        "modify_command", [keys.command(command_id), keys.AUDIT_TRAIL], [act.encode(), *flat(fields)], bool
    )


def delete(command_id: str, act: Act) -> Call[Refused | None]:
    """Remove a command unless it is in use; refused with the number of live runs."""

    def decode(answer: list[Any]) -> Refused | None:
        decoded = verdict(answer)
        return decoded if isinstance(decoded, Refused) else None

    return function_call(
        "delete_command",
        [keys.command(command_id), keys.COMMANDS, keys.live(command_id), keys.AUDIT_TRAIL],
        [command_id, act.encode()],
        decode,
    )


def read(command_id: str) -> Call[dict[str, str]]:
    """Return everything written of one command; empty where there is none."""
    return command(as_fields, "HGETALL", keys.command(command_id))


def page(before: int | None, size: int) -> Call[list[tuple[str, int]]]:
    """Return so many kept commands made before the one with this number, the newest first, each with its number."""
    bound = "+inf" if before is None else f"({before}"
    words = ("ZRANGE", keys.COMMANDS, bound, "-inf", "BYSCORE", "REV", "LIMIT", 0, size, "WITHSCORES")
    return command(as_scores, *words)


def total() -> Call[int]:
    """Return how many commands are kept."""
    return command(int, "ZCARD", keys.COMMANDS)
