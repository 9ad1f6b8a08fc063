"""The accounts that a Windows machine knows, its own and those of its domain."""

import ctypes
from dataclasses import dataclass
from typing import Final

from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts.script import ScriptError
from cloudassist_agent.scripts.wide import text_at, wide

_NONE_MAPPED: Final = 1332
_USER: Final = 1
"""The kind of account that is a user; others are groups, machines, domains."""
_SID_BYTES: Final = 68
_NAME_CHARACTERS: Final = 256
"""Characters of the name of a domain or a machine with its zero, the most."""

_advapi: Final = ctypes.WinDLL("advapi32", use_last_error=True)
_advapi.LookupAccountNameW.argtypes = (ctypes.c_void_p,) * 7
_advapi.ConvertSidToStringSidW.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_kernel: Final = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.GetComputerNameW.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_kernel.LocalFree.argtypes = (ctypes.c_void_p,)
_kernel.LocalFree.restype = ctypes.c_void_p


@dataclass(frozen=True, slots=True)
class Account:
    """A user. ``domain`` is the machine's name where the account is local, None where ``name`` has it (user@domain).

    ``sid`` tells it from all others.
    """

    name: str
    domain: str | None
    sid: str

    @classmethod
    def of(cls, username: str) -> "Account":
        r"""Return the account of this name: ``user``, ``domain\user``, ``.\user`` (local), or ``user@domain``.

        Raises ScriptError (AccountNotExists); OSError where the machine cannot tell.
        """
        domain, _, name = username.rpartition("\\")
        asked = f"{_machine()}\\{name}" if domain == "." else username
        sid, found, kind = ctypes.create_string_buffer(_SID_BYTES), _names(), ctypes.c_uint32()
        sid_size, size = ctypes.c_uint32(_SID_BYTES), ctypes.c_uint32(_NAME_CHARACTERS)
        sizes = ctypes.byref(sid_size), ctypes.byref(size)
        mapped = _advapi.LookupAccountNameW(None, wide(asked), sid, sizes[0], found, sizes[1], ctypes.byref(kind))
        error = 0 if mapped else ctypes.get_last_error()
        if error not in {0, _NONE_MAPPED}:
            raise ctypes.WinError(error)
        if error or kind.value != _USER:
            raise ScriptError(ErrorCode.ACCOUNT_NOT_EXISTS, f"there is no user {username!r} on this instance")
        by_itself = "@" in name and not domain
        return cls(name, None if by_itself else text_at(ctypes.addressof(found)), _text_of(sid))


def _machine() -> str:
    name, size = _names(), ctypes.c_uint32(_NAME_CHARACTERS)
    if not _kernel.GetComputerNameW(name, ctypes.byref(size)):
        raise ctypes.WinError(ctypes.get_last_error())
    return text_at(ctypes.addressof(name))


def _names() -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(2 * _NAME_CHARACTERS)


def _text_of(sid: "ctypes.Array[ctypes.c_char]") -> str:
    text = ctypes.c_void_p()
    if not _advapi.ConvertSidToStringSidW(sid, ctypes.byref(text)):
        raise ctypes.WinError(ctypes.get_last_error())
    assert text.value is not None
    try:
        return text_at(text.value)
    finally:
        _kernel.LocalFree(text)
