"""Calls about the server's users; only an administrator may make them."""

from collections.abc import Sequence

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


def remove(name: str) -> Call[int]:
    """Remove a user, and end its connections; return how many users that were."""
    return command(int, "ACL", "DELUSER", name)


def disconnect(name: str) -> Call[int]:
    """End the connections of a user; return how many there were."""
    return command(int, "CLIENT", "KILL", "USER", name, "SKIPME", "no")


def save() -> Call[None]:
    """Keep the users over a restart; the server refuses that where it has no ACL file."""
    return command(as_nothing, "ACL", "SAVE")
