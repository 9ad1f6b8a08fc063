"""Calls about the key set, which lies on the server for every agent to read."""

from cloudassist import topology
from cloudassist.store.call import Call, as_nothing, command


def read() -> Call[bytes | None]:
    """Return the document; None where there is none."""
    return command(lambda answer: answer, "GET", topology.KEY_SET_KEY)


def write(document: bytes) -> Call[None]:
    """Put a document in its place."""
    return command(as_nothing, "SET", topology.KEY_SET_KEY, document)
