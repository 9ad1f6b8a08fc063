"""Calls about the server's users; only an administrator may make them."""

from collections.abc import Sequence
from typing import Any

from cloudassist.store.call import Call, as_nothing, as_texts, command


def write(name: str, words: Sequence[str]) -> Call[None]:
    """Make a user, or change one, by the words of ACL SETUSER."""
    return command(as_nothing, "ACL", "SETUSER", name, *words)


def names() -> Call[list[str]]:
    """Return the names of all users."""
    return command(as_texts, "ACL", "USERS")


def exists(name: str) -> Call[bool]:
    """Tell whether there is such a user."""
    return command(lambda answer: answer is not None, "ACL", "GETUSER", name)


def rights(name: str) -> Call[frozenset[frozenset[str]] | None]:
    """Return the words of a user's rules, those of each selector by themselves; None where there is no such user."""

    def decode(answer: dict[bytes, Any] | None) -> frozenset[frozenset[str]] | None:
        return None if answer is None else frozenset(map(_words, [answer, *answer[b"selectors"]]))

    return command(decode, "ACL", "GETUSER", name)


def _words(part: dict[bytes, bytes]) -> frozenset[str]:
    told = b" ".join(part[what] for what in (b"commands", b"keys", b"channels"))
    return frozenset(told.decode().split()) - {"-@all"}


def remove(name: str) -> Call[int]:
    """Remove a user, and end its connections; return how many users that were."""
    return command(int, "ACL", "DELUSER", name)


def disconnect(name: str) -> Call[int]:
    """End the connections of a user; return how many there were."""
    return command(int, "CLIENT", "KILL", "USER", name, "SKIPME", "no")


def save() -> Call[None]:
    """Keep the users over a restart; the server refuses that where it has no ACL file."""
    return command(as_nothing, "ACL", "SAVE")
