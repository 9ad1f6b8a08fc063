"""Starting a process as another user of Windows, who is logged on."""

import ctypes
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cloudassist_agent.scripts.wide import environment_block, wide

_SUSPENDED: Final = 0x4
_UNICODE_ENVIRONMENT: Final = 0x400
_EXTENDED_STARTUP_INFO: Final = 0x8_0000
_NO_WINDOW: Final = 0x0800_0000
_USE_STANDARD_HANDLES: Final = 0x100
_HANDLE_LIST: Final = 0x2_0002
_WAIT_TIMEOUT: Final = 0x102
_FOR_EVER: Final = 0xFFFF_FFFF
_KILLED_CODE: Final = 137


class _StartupInfo(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("reserved", ctypes.c_void_p),
        ("desktop", ctypes.c_void_p),
        ("title", ctypes.c_void_p),
        ("place_and_size", ctypes.c_uint32 * 6),
        ("fill", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("show", ctypes.c_uint16),
        ("reserved_size", ctypes.c_uint16),
        ("reserved_2", ctypes.c_void_p),
        ("input", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("error", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
    )


class _ProcessInformation(ctypes.Structure):
    _fields_ = (
        ("process", ctypes.c_void_p),
        ("thread", ctypes.c_void_p),
        ("pid", ctypes.c_uint32),
        ("thread_id", ctypes.c_uint32),
    )


_advapi: Final = ctypes.WinDLL("advapi32", use_last_error=True)
_advapi.CreateProcessAsUserW.argtypes = (
    *(ctypes.c_void_p,) * 5, ctypes.c_int, ctypes.c_uint32, *(ctypes.c_void_p,) * 4,
)  # fmt: skip
_kernel: Final = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.InitializeProcThreadAttributeList.argtypes = (
    ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p,
)  # fmt: skip
_kernel.UpdateProcThreadAttribute.argtypes = (
    ctypes.c_void_p, ctypes.c_uint32, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
    ctypes.c_void_p,
)  # fmt: skip
_kernel.DeleteProcThreadAttributeList.argtypes = (ctypes.c_void_p,)
_kernel.DeleteProcThreadAttributeList.restype = None
_kernel.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
_kernel.WaitForSingleObject.restype = ctypes.c_uint32
_kernel.GetExitCodeProcess.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_kernel.TerminateProcess.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
_kernel.CloseHandle.argtypes = (ctypes.c_void_p,)


class UserProcess:
    """A process of the user whose token is given, suspended until it is let go; raises OSError.

    ``nothing`` and ``output`` are the handles of its input and its output, which can be inherited. It gets no others.
    """

    def __init__(
        self,
        token: int,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        nothing: int,
        output: int,
    ) -> None:
        self._command = command
        # An empty name has Windows make a window station for the user's session: in the agent's own, to which the user
        # has no right, whatever needs user32.dll (PowerShell, for one) would end before it begins.
        desktop = wide("")
        handles = (ctypes.c_void_p * 2)(nothing, output)
        attributes = _attribute_list()
        started = _ProcessInformation()
        try:
            info = _StartupInfo(
                size=ctypes.sizeof(_StartupInfo),
                desktop=ctypes.addressof(desktop),
                flags=_USE_STANDARD_HANDLES,
                input=nothing,
                output=output,
                error=output,
                attributes=ctypes.addressof(attributes),
            )
            listed = attributes, 0, _HANDLE_LIST, handles, ctypes.sizeof(handles), None, None
            _expect(_kernel.UpdateProcThreadAttribute(*listed))
            flags = _SUSPENDED | _NO_WINDOW | _UNICODE_ENVIRONMENT | _EXTENDED_STARTUP_INFO
            line = wide(subprocess.list2cmdline(command))
            where = environment_block(environment), wide(str(folder))
            to = ctypes.byref(info), ctypes.byref(started)
            _expect(_advapi.CreateProcessAsUserW(token, None, line, None, None, 1, flags, *where, *to))
        finally:
            _kernel.DeleteProcThreadAttributeList(attributes)
        _kernel.CloseHandle(started.thread)
        self.handle: int = started.process
        self.pid: int = started.pid

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code when it has ended; raises TimeoutExpired where it has not within so many seconds."""
        milliseconds = _FOR_EVER if timeout is None else int(1000 * timeout)
        if _kernel.WaitForSingleObject(self.handle, milliseconds) == _WAIT_TIMEOUT:
            raise subprocess.TimeoutExpired(self._command, timeout or 0)
        code = ctypes.c_uint32()
        _expect(_kernel.GetExitCodeProcess(self.handle, ctypes.byref(code)))
        return code.value

    def kill(self) -> None:
        """End it at once."""
        _kernel.TerminateProcess(self.handle, _KILLED_CODE)

    def close(self) -> None:
        """Let it be; it goes on where it has not ended."""
        _kernel.CloseHandle(self.handle)


def _attribute_list() -> "ctypes.Array[ctypes.c_char]":
    size = ctypes.c_size_t()
    _kernel.InitializeProcThreadAttributeList(None, 1, 0, ctypes.byref(size))
    attributes = ctypes.create_string_buffer(size.value)
    _expect(_kernel.InitializeProcThreadAttributeList(attributes, 1, 0, ctypes.byref(size)))
    return attributes


def _expect(succeeded: int) -> None:
    if not succeeded:
        raise ctypes.WinError(ctypes.get_last_error())
