"""The passwords that are kept under names in the Windows Credential Manager of the agent's own account.

A password is never a Python object: those cannot be wiped, and may be shown by whatever prints variables.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts.script import ScriptError
from cloudassist_agent.scripts.wide import text_at, wide
from cloudassist_agent.scripts.windows_account import Account

_GENERIC: Final = 1
_WIDE: Final = 2
"""Bytes of a character."""
_NO_SUCH_LOGON_SESSION: Final = 1312
_NOT_FOUND: Final = 1168


class _Credential(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("target_name", ctypes.c_void_p),
        ("comment", ctypes.c_void_p),
        ("last_written", ctypes.c_uint32 * 2),
        ("blob_size", ctypes.c_uint32),
        ("blob", ctypes.c_void_p),
        ("persist", ctypes.c_uint32),
        ("attribute_count", ctypes.c_uint32),
        ("attributes", ctypes.c_void_p),
        ("target_alias", ctypes.c_void_p),
        ("user_name", ctypes.c_void_p),
    )


_advapi: Final = ctypes.WinDLL("advapi32", use_last_error=True)
_advapi.CredReadW.argtypes = (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)
_advapi.CredFree.argtypes = (ctypes.c_void_p,)
_advapi.CredFree.restype = None


@contextmanager
def password(name: str, account: Account) -> Iterator["ctypes.Array[ctypes.c_char]"]:
    """Yield the password of an account that is kept under a name, in UTF-16 with a zero; wipe it afterwards.

    Raises ScriptError (UserOrPasswordInvalid) where there is none of that name, or that of another account.
    """
    with _credential(name, account) as found:
        _check(found, name, account)
        copy = ctypes.create_string_buffer(found.blob_size + _WIDE)
        ctypes.memmove(copy, found.blob, found.blob_size)
    try:
        yield copy
    finally:
        ctypes.memset(copy, 0, ctypes.sizeof(copy))


@contextmanager
def _credential(name: str, account: Account) -> Iterator[_Credential]:
    address = ctypes.c_void_p()
    if not _advapi.CredReadW(wide(name), _GENERIC, 0, ctypes.byref(address)):
        error = ctypes.get_last_error()
        if error in {_NOT_FOUND, _NO_SUCH_LOGON_SESSION}:
            raise _refusal(f"the agent's account keeps no password of the name {name!r}, for {account.name!r}")
        raise ctypes.WinError(error)
    assert address.value is not None
    credential = _Credential.from_address(address.value)
    try:
        yield credential
    finally:
        if credential.blob:
            ctypes.memset(credential.blob, 0, credential.blob_size)
        _advapi.CredFree(address)


def _check(found: _Credential, name: str, account: Account) -> None:
    owner = text_at(found.user_name) if found.user_name else ""
    if owner and not _is(account, owner):
        raise _refusal(f"the password of the name {name!r} is that of {owner!r}, not of {account.name!r}")
    if not found.blob_size or found.blob_size % _WIDE:
        raise _refusal(f"what is kept under the name {name!r} for {account.name!r} is no password in UTF-16")


def _is(account: Account, owner: str) -> bool:
    try:
        return Account.of(owner).sid == account.sid
    except ScriptError:
        return False


def _refusal(info: str) -> ScriptError:
    return ScriptError(ErrorCode.USER_OR_PASSWORD_INVALID, info)
