"""What the checks themselves need of Windows."""

import ctypes

from cloudassist_agent.scripts.wide import text_at, wide
from cloudassist_agent.scripts.windows_credential import _Credential

POINTER = ctypes.c_void_p
NUMBER = ctypes.c_uint32
READ = 0x8000_0000
SHARED = 3
THERE_ALREADY = 3
ALL_RIGHTS = 0xF01FF
FOR_THIS_MACHINE = 2
NEW_MEMORY = 0x3000
CAN_BE_WRITTEN = 4
BYTES = 4096

_advapi = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_ntdll = ctypes.WinDLL("ntdll", use_last_error=True)
_advapi.GetUserNameW.argtypes = (POINTER, POINTER)
_advapi.CredWriteW.argtypes = (POINTER, NUMBER)
_advapi.OpenProcessToken.argtypes = (POINTER, NUMBER, POINTER)
_kernel.GetCurrentProcess.restype = POINTER
_kernel.CreatePipe.argtypes = (POINTER, POINTER, POINTER, NUMBER)
_kernel.ReadFile.argtypes = (POINTER, POINTER, NUMBER, POINTER, POINTER)
_kernel.CloseHandle.argtypes = (POINTER,)
_kernel.CreateFileW.argtypes = (POINTER, NUMBER, NUMBER, POINTER, NUMBER, NUMBER, POINTER)
_kernel.CreateFileW.restype = POINTER
_kernel.VirtualAlloc.argtypes = (POINTER, ctypes.c_size_t, NUMBER, NUMBER)
_kernel.VirtualAlloc.restype = POINTER
_ntdll.NtResumeProcess.argtypes = (POINTER,)


class _Inheritable(ctypes.Structure):
    _fields_ = (("size", NUMBER), ("descriptor", POINTER), ("inherit", ctypes.c_int))


def me():
    name, size = ctypes.create_string_buffer(512), NUMBER(256)
    assert _advapi.GetUserNameW(name, ctypes.byref(size))
    return text_at(ctypes.addressof(name))


def own_token():
    token = POINTER()
    assert _advapi.OpenProcessToken(_kernel.GetCurrentProcess(), ALL_RIGHTS, ctypes.byref(token))
    return token.value


def keep(name, user, blob):
    """Keep a credential, as `cmdkey /generic:NAME /user:USER /pass:PASSWORD` does."""
    texts = wide(name), wide(user), ctypes.create_string_buffer(blob, max(1, len(blob)))
    places = [ctypes.addressof(each) for each in texts]
    made = _Credential(type=1, target_name=places[0], blob_size=len(blob), blob=places[2], persist=FOR_THIS_MACHINE)
    made.user_name = places[1] if user else None
    assert _advapi.CredWriteW(ctypes.byref(made), 0), ctypes.get_last_error()


def pipe():
    ends = POINTER(), POINTER()
    inheritable = _Inheritable(ctypes.sizeof(_Inheritable), None, 1)
    assert _kernel.CreatePipe(ctypes.byref(ends[0]), ctypes.byref(ends[1]), ctypes.byref(inheritable), 0)
    return ends[0].value, ends[1].value


def nothing():
    inheritable = _Inheritable(ctypes.sizeof(_Inheritable), None, 1)
    return _kernel.CreateFileW(wide("NUL"), READ, SHARED, ctypes.byref(inheritable), THERE_ALREADY, 0, None)


def read_all(handle):
    """Read until nobody can write any more. Wine reads into memory that it has given only."""
    place, count, data = _kernel.VirtualAlloc(None, BYTES, NEW_MEMORY, CAN_BE_WRITTEN), NUMBER(), b""
    while _kernel.ReadFile(handle, place, BYTES, ctypes.byref(count), None):
        data += ctypes.string_at(place, count.value)
    return data


def close(handle):
    return _kernel.CloseHandle(handle)


def resume(process):
    _ntdll.NtResumeProcess(process)
