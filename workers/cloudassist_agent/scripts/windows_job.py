"""A job of Windows: the processes of a run, which cannot leave it, and which ending it ends."""

import ctypes
from typing import Final

from cloudassist_agent.scripts.toll import Toll

_KILL_ON_JOB_CLOSE: Final = 0x2000
_ACCOUNTING: Final = 1
_EXTENDED_LIMITS: Final = 9
_KILLED_CODE: Final = 137
"""The exit code of what is ended: what a kill gives elsewhere."""

_kernel: Final = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_kernel.CreateJobObjectW.restype = ctypes.c_void_p
_kernel.AssignProcessToJobObject.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_kernel.TerminateJobObject.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
_kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
_kernel.QueryInformationJobObject.argtypes = (
    ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p,
)  # fmt: skip
_kernel.SetInformationJobObject.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("memory_limits_and_peaks", ctypes.c_size_t * 4),
    )


class _Accounting(ctypes.Structure):
    _fields_ = (
        ("times", ctypes.c_int64 * 4),
        ("page_faults", ctypes.c_uint32),
        ("total_processes", ctypes.c_uint32),
        ("active_processes", ctypes.c_uint32),
        ("terminated_processes", ctypes.c_uint32),
    )


class Job:
    """The processes of one run, the first of which is given by its handle; raises OSError where there can be none."""

    def __init__(self, process: int) -> None:
        self._handle = _kernel.CreateJobObjectW(None, None)
        if not self._handle:
            raise ctypes.WinError(ctypes.get_last_error())
        self._limit(_KILL_ON_JOB_CLOSE)
        if not _kernel.AssignProcessToJobObject(self._handle, process):
            raise ctypes.WinError(ctypes.get_last_error())

    def end(self) -> Toll:
        """End all of it."""
        accounting = _Accounting()
        size = ctypes.sizeof(accounting)
        _kernel.QueryInformationJobObject(self._handle, _ACCOUNTING, ctypes.byref(accounting), size, None)
        _kernel.TerminateJobObject(self._handle, _KILLED_CODE)
        return Toll(accounting.active_processes, accounting.active_processes)

    def release(self) -> None:
        """Let what is left of it go on without its agent."""
        self._limit(0)
        _kernel.CloseHandle(self._handle)

    def _limit(self, flags: int) -> None:
        limits = _ExtendedLimits()
        limits.basic.limit_flags = flags
        size = ctypes.sizeof(limits)
        if not _kernel.SetInformationJobObject(self._handle, _EXTENDED_LIMITS, ctypes.byref(limits), size):
            raise ctypes.WinError(ctypes.get_last_error())
