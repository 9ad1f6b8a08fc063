"""Text and environments as Windows takes them: UTF-16, each text ended by a zero. The same on every system."""

import ctypes
from collections.abc import Mapping

_ZERO = b"\0\0"


def wide(text: str) -> "ctypes.Array[ctypes.c_char]":
    """Return a text in memory of its own, for calls that take one; raises ValueError where a zero is in it."""
    if "\0" in text:
        raise ValueError("a text for Windows has a zero in it")
    return _buffer(text.encode("utf-16-le", "surrogatepass") + _ZERO)


def text_at(address: int) -> str:
    """Return the text that begins at an address."""
    end = address
    while ctypes.string_at(end, 2) != _ZERO:
        end += 2
    return ctypes.string_at(address, end - address).decode("utf-16-le", "surrogatepass")


def environment_block(variables: Mapping[str, str]) -> "ctypes.Array[ctypes.c_char]":
    """Return variables as a process gets them: sorted by their names, whatever their case; an empty text is the end."""
    names = sorted(variables, key=str.upper)
    return _buffer(b"".join(bytes(wide(f"{name}={variables[name]}")) for name in names) + _ZERO * 2)


def environment_at(address: int) -> dict[str, str]:
    """Return the variables of the block that begins at an address; not what cmd.exe hides there (``=C:``)."""
    variables = {}
    while entry := text_at(address):
        address += len(entry.encode("utf-16-le", "surrogatepass")) + len(_ZERO)
        name, _, value = entry.partition("=")
        if name:
            variables[name] = value
    return variables


def _buffer(data: bytes) -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(data, len(data))
