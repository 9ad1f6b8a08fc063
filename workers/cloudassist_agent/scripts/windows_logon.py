"""Logging another user on, with the password that is kept on this machine, as long as a script runs."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts.script import ScriptError
from cloudassist_agent.scripts.wide import environment_at, wide
from cloudassist_agent.scripts.windows_account import Account
from cloudassist_agent.scripts.windows_credential import password

_BATCH: Final = 4
_INTERACTIVE: Final = 2
_DEFAULT_PROVIDER: Final = 0
_TYPE_NOT_GRANTED: Final = 1385
_NO_UI: Final = 1
_BACKUP: Final = 17
_RESTORE: Final = 18


class _ProfileInfo(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("user_name", ctypes.c_void_p),
        ("profile_path", ctypes.c_void_p),
        ("default_path", ctypes.c_void_p),
        ("server_name", ctypes.c_void_p),
        ("policy_path", ctypes.c_void_p),
        ("profile", ctypes.c_void_p),
    )


_advapi: Final = ctypes.WinDLL("advapi32", use_last_error=True)
_advapi.LogonUserW.argtypes = (
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p,
)  # fmt: skip
_userenv: Final = ctypes.WinDLL("userenv", use_last_error=True)
_userenv.LoadUserProfileW.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_userenv.UnloadUserProfile.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_userenv.CreateEnvironmentBlock.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_userenv.DestroyEnvironmentBlock.argtypes = (ctypes.c_void_p,)
_ntdll: Final = ctypes.WinDLL("ntdll")
_ntdll.RtlAdjustPrivilege.argtypes = (ctypes.c_uint32, ctypes.c_ubyte, ctypes.c_ubyte, ctypes.c_void_p)
_kernel: Final = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CloseHandle.argtypes = (ctypes.c_void_p,)


@dataclass(frozen=True, slots=True)
class Logon:
    """A user who is logged on: ``token`` is what its processes are started with."""

    account: Account
    token: int
    environment: dict[str, str] = field(repr=False)


@contextmanager
def logged_on(username: str, password_name: str) -> Iterator[Logon]:
    """Log a user on, and load its profile, until it is no longer needed.

    Raises ScriptError: AccountNotExists; UserOrPasswordInvalid where no password of that name is kept for this user, or
    Windows takes it not. Raises OSError where the agent's account has not the rights of a service.
    """
    account = Account.of(username)
    token = _token(account, password_name)
    try:
        with _profile(account, token):
            yield Logon(account, token, _environment(token))
    finally:
        _kernel.CloseHandle(token)


def _token(account: Account, password_name: str) -> int:
    """Return the token of a user.

    As a batch job first: an administrator gets all of its rights so. Others often have the right to log on
    interactively alone. Windows judges the right after the password, so that a wrong one is tried once.
    """
    token = ctypes.c_void_p()
    domain = None if account.domain is None else wide(account.domain)
    with password(password_name, account) as secret:
        for kind in (_BATCH, _INTERACTIVE):
            given = wide(account.name), domain, secret
            if _advapi.LogonUserW(*given, kind, _DEFAULT_PROVIDER, ctypes.byref(token)):
                assert token.value is not None
                return token.value
            error = ctypes.get_last_error()
            if error != _TYPE_NOT_GRANTED:
                break
    raise ScriptError(
        ErrorCode.USER_OR_PASSWORD_INVALID,
        f"{account.name!r} could not be logged on with the password of the name {password_name!r}: "
        f"{ctypes.FormatError(error)} (Windows error {error})",
    )


@contextmanager
def _profile(account: Account, token: int) -> Iterator[None]:
    """Load a user's profile: without it, the user's part of the registry and its folders are another's."""
    # LocalSystem has the privileges that this takes, but not switched on.
    for privilege in (_BACKUP, _RESTORE):
        _ntdll.RtlAdjustPrivilege(privilege, 1, 0, ctypes.byref(ctypes.c_ubyte()))
    name = wide(account.name)
    info = _ProfileInfo(size=ctypes.sizeof(_ProfileInfo), flags=_NO_UI, user_name=ctypes.addressof(name))
    if not _userenv.LoadUserProfileW(token, ctypes.byref(info)):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        yield
    finally:
        # What the script left running may still use it: what becomes of it then is up to Windows.
        _userenv.UnloadUserProfile(token, info.profile)


def _environment(token: int) -> dict[str, str]:
    """Return the user's environment; nothing of the agent's own is in it."""
    block = ctypes.c_void_p()
    if not _userenv.CreateEnvironmentBlock(ctypes.byref(block), token, 0):
        raise ctypes.WinError(ctypes.get_last_error())
    assert block.value is not None
    try:
        return environment_at(block.value)
    finally:
        _userenv.DestroyEnvironmentBlock(block)
