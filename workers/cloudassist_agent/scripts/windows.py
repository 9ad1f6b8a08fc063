"""The agent's system where it is Windows; see :mod:`cloudassist_agent.scripts.system`.

The processes of a run are in a job, from before the first of them runs: nothing of it can leave, ending the job ends
all of it, and the system ends it when the agent does.
"""

import ctypes
import getpass
import msvcrt
import os
import subprocess
import threading
import time
import winreg
from collections.abc import Callable, Mapping, Sequence
from ctypes import wintypes
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

from cloudassist.command_type import CommandType
from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts import script
from cloudassist_agent.scripts.capture import Capture
from cloudassist_agent.scripts.following import LATE_OUTPUT_SECONDS, Ended, Ending, Follower
from cloudassist_agent.scripts.running import Run
from cloudassist_agent.scripts.script import Script, ScriptError
from cloudassist_agent.scripts.toll import Toll

__all__ = [
    "EVENT_LOOP", "EXECUTION_PATH", "SCRIPTS", "ScriptProcess", "User",
    "boot_id", "end_leftovers", "hold", "machine_id", "process_start",
]  # fmt: skip

EVENT_LOOP: Final = False
EXECUTION_PATH: Final = Path(os.environ.get("PROGRAMDATA", "C:\\ProgramData")) / "cloudassist" / "work" / "script"
"""The task execution path of the overview: <installation>\\work\\script."""
SCRIPTS: Final[Mapping[CommandType, Callable[[str], Script]]] = {
    CommandType.BATCH: script.batch,
    CommandType.POWERSHELL: script.powershell,
}

_INHERITED: Final = (
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATH", "PATHEXT", "PSMODULEPATH", "TEMP", "TMP", "OS",
    "USERPROFILE", "USERNAME", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "ALLUSERSPROFILE",
    "PROGRAMFILES", "PROGRAMFILES(X86)", "COMMONPROGRAMFILES", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
)  # fmt: skip
"""The only variables of the agent's own environment that a script gets: the rest may hold secrets."""
_MARK: Final = "CLOUDASSIST_RECORD_ID"
_CREATE_SUSPENDED: Final = 0x4
_CREATE_NO_WINDOW: Final = 0x0800_0000
_KILL_ON_JOB_CLOSE: Final = 0x2000
_JOB_ACCOUNTING: Final = 1
_JOB_EXTENDED_LIMITS: Final = 9
_KILLED_CODE: Final = 137
"""The exit code of what is ended: what a kill gives elsewhere."""
_LOOK_SECONDS: Final = 0.05
"""Seconds between two looks whether a stop was asked for."""
_READ_BYTES: Final = 64 * 1024
_BOOT_KEY: Final = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"

_MACHINE_KEY: Final = r"SOFTWARE\Microsoft\Cryptography"

_kernel: Final = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateJobObjectW.restype = wintypes.HANDLE
_kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
_kernel.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
_kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
_ntdll: Final = ctypes.WinDLL("ntdll")
_ntdll.NtResumeProcess.argtypes = (wintypes.HANDLE,)


def boot_id() -> str:
    """Return what changes with every start of the machine; raises OSError where there is no such thing."""
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _BOOT_KEY) as key:
        return f"boot-{winreg.QueryValueEx(key, 'BootId')[0]}"


def machine_id() -> str:
    """Return what tells this machine from a copy of it; empty where there is no such thing."""
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _MACHINE_KEY) as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    except OSError:
        return ""


def hold(file: IO[str]) -> None:
    """Hold a file for this process alone, until it is closed; raises BlockingIOError where another one does."""
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        raise BlockingIOError(str(error)) from None


def process_start(_pid: int) -> int:
    """Return 0: what an agent started does not outlive it here, so that there is nothing to find again."""
    return 0


def end_leftovers(_record_id: str, _pid: int | None, _start: int | None, _grace: float) -> Toll:
    """Do nothing: the system has ended the job with its agent."""
    return Toll()


@dataclass(frozen=True, slots=True)
class User:
    """The user that runs a script: the agent's own. Another one's password would be needed to become that."""

    name: str
    home: str

    @classmethod
    def of(cls, username: str) -> Self:
        """Return the agent's own user; raises ScriptError (UserOrPasswordInvalid) where another one is wanted."""
        own = getpass.getuser()
        if username and username.lower() != own.lower():
            raise ScriptError(
                ErrorCode.USER_OR_PASSWORD_INVALID,
                f"the agent runs as {own!r} and cannot run scripts as {username!r}: that needs the user's password",
            )
        return cls(own, str(Path.home()))

    def environment(self) -> dict[str, str]:
        """Return the environment of this user's scripts."""
        return {name: os.environ[name] for name in _INHERITED if name in os.environ}

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command as this user."""
        return list(command)

    def own(self, *_paths: str | os.PathLike[str]) -> None:
        """Leave files with the agent's user."""


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("per_process_user_time_limit", wintypes.LARGE_INTEGER),
        ("per_job_user_time_limit", wintypes.LARGE_INTEGER),
        ("limit_flags", wintypes.DWORD),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", wintypes.DWORD),
        ("affinity", ctypes.c_size_t),
        ("priority_class", wintypes.DWORD),
        ("scheduling_class", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_ulonglong * 6),
        ("memory_limits_and_peaks", ctypes.c_size_t * 4),
    )


class _Accounting(ctypes.Structure):
    _fields_ = (
        ("times", wintypes.LARGE_INTEGER * 4),
        ("page_faults", wintypes.DWORD),
        ("total_processes", wintypes.DWORD),
        ("active_processes", wintypes.DWORD),
        ("terminated_processes", wintypes.DWORD),
    )


class _Job:
    """The processes of one run."""

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
        _kernel.QueryInformationJobObject(self._handle, _JOB_ACCOUNTING, ctypes.byref(accounting), size, None)
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
        if not _kernel.SetInformationJobObject(self._handle, _JOB_EXTENDED_LIMITS, ctypes.byref(limits), size):
            raise ctypes.WinError(ctypes.get_last_error())


class ScriptProcess:
    """One script's process. ``capture`` takes what it and its children write."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: dict[str, str], record_id: str, capture: Capture
    ) -> None:
        self._capture = capture
        self._begun = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - running scripts is what this is for
            command,
            cwd=folder,
            env={**environment, _MARK: record_id},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            creationflags=_CREATE_SUSPENDED | _CREATE_NO_WINDOW,
        )
        handle: Any = self._process._handle  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public one
        try:
            self._job = _Job(int(handle))
        except OSError:
            self._process.kill()
            raise
        _ntdll.NtResumeProcess(int(handle))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def follow(self, run: Run, follower: Follower, *, timeout: float, grace: float) -> Ended:  # noqa: ARG002 - Linux's
        """Take output until the script has ended; end it when asked to, or after ``timeout`` seconds.

        There is no polite way to end a process without a window here: it is ended at once.
        """
        ending = self._wait(run, timeout, follower)
        seconds = time.monotonic() - self._begun
        toll = Toll()
        if ending is not Ending.EXIT:
            toll = self._job.end()
            seconds = timeout if ending is Ending.TIMEOUT else seconds
        code = self._process.wait()
        self._reader.join(LATE_OUTPUT_SECONDS)
        self._job.release()
        return Ended(ending, code, seconds, toll)

    def _wait(self, run: Run, timeout: float, follower: Follower) -> Ending:
        while True:
            elapsed = time.monotonic() - self._begun
            if elapsed >= timeout:
                return Ending.TIMEOUT
            next_moment = min(timeout, follower.turn(elapsed, self.pid, self._capture))
            try:
                self._process.wait(min(_LOOK_SECONDS, max(0.0, next_moment - elapsed)))
            except subprocess.TimeoutExpired:
                if run.stopped:
                    return Ending.STOP
            else:
                return Ending.EXIT

    def _read(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), _READ_BYTES):
            self._capture.feed(data)
