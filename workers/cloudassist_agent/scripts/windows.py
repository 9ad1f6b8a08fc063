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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ctypes import wintypes
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from cloudassist.command_type import CommandType
from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts import script
from cloudassist_agent.scripts.capture import Capture
from cloudassist_agent.scripts.following import LATE_OUTPUT_SECONDS, Ended, Ending, Follower
from cloudassist_agent.scripts.running import Run
from cloudassist_agent.scripts.script import Script, ScriptError
from cloudassist_agent.scripts.toll import Toll
from cloudassist_agent.scripts.windows_job import Job
from cloudassist_agent.scripts.windows_logon import Logon, logged_on
from cloudassist_agent.scripts.windows_process import UserProcess

__all__ = [
    "EVENT_LOOP", "EXECUTION_PATH", "SCRIPTS", "ScriptProcess", "User",
    "as_user", "boot_id", "end_leftovers", "hold", "machine_id", "process_start",
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
_MASTERS: Final = ("S-1-5-18", "S-1-5-32-544")
"""Who has every right to a script's folder: the system, administrators."""
_LOOK_SECONDS: Final = 0.05
"""Seconds between two looks whether a stop was asked for."""
_READ_BYTES: Final = 64 * 1024
_BOOT_KEY: Final = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"

_MACHINE_KEY: Final = r"SOFTWARE\Microsoft\Cryptography"

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
    """The user that runs a script: the agent's own, or another one who is logged on."""

    home: str
    logon: Logon | None = None

    def environment(self) -> dict[str, str]:
        """Return the environment of this user's scripts."""
        if self.logon is not None:
            return dict(self.logon.environment)
        return {name: os.environ[name] for name in _INHERITED if name in os.environ}

    def own(self, _path: Path, folder: Path) -> None:
        """Let this user read a script in its folder, and nobody else but the system and administrators; raises OSError.

        The user may not write there: who can put a link into the folder has the agent, which may do everything, remove
        what the link leads to.
        """
        if self.logon is None:
            return
        rights = [f"*{sid}:(OI)(CI)F" for sid in _MASTERS] + [f"*{self.logon.account.sid}:(OI)(CI)RX"]
        icacls = Path(os.environ["SYSTEMROOT"]) / "System32" / "icacls.exe"
        command = [str(icacls), str(folder), "/inheritance:r", "/grant:r", *rights]
        made = subprocess.run(  # noqa: S603 - a program of the system
            command, capture_output=True, stdin=subprocess.DEVNULL, creationflags=_CREATE_NO_WINDOW, check=False
        )
        if made.returncode:
            raise OSError(f"icacls failed with {made.returncode}: {made.stderr.decode(errors='replace').strip()}")


@contextmanager
def as_user(username: str, password_name: str) -> Iterator[User]:
    """Yield the agent's own user, or the one of this name, logged on with the password that is kept here for it.

    Raises ScriptError: AccountNotExists, UserOrPasswordInvalid.
    """
    own = getpass.getuser()
    if not username or username.lower() == own.lower():
        yield User(str(Path.home()))
        return
    if not password_name:
        raise ScriptError(
            ErrorCode.USER_OR_PASSWORD_INVALID,
            f"the agent runs as {own!r} and cannot run scripts as {username!r}: that needs windows_password_name",
        )
    with logged_on(username, password_name) as logon:
        yield User(logon.environment["USERPROFILE"], logon)


def _started(
    user: User, command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> tuple["subprocess.Popen[bytes] | UserProcess", int, IO[bytes]]:
    """Start a process that does nothing yet; return it, its handle, and its output; raises OSError."""
    if user.logon is None:
        process = subprocess.Popen(  # noqa: S603 - running scripts is what this is for
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            creationflags=_CREATE_SUSPENDED | _CREATE_NO_WINDOW,
        )
        assert process.stdout is not None
        handle: Any = process._handle  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public one
        return process, int(handle), process.stdout
    read_end, write_end = os.pipe()
    output = os.fdopen(read_end, "rb", buffering=0)
    try:
        with os.fdopen(write_end, "wb", buffering=0) as written, Path(os.devnull).open("rb") as nothing:
            handles = [msvcrt.get_osfhandle(file.fileno()) for file in (nothing, written)]
            for each in handles:
                os.set_handle_inheritable(each, True)  # noqa: FBT003 - it takes no keyword
            users = UserProcess(
                user.logon.token, command, folder=folder, environment=environment, nothing=handles[0], output=handles[1]
            )
    except BaseException:
        output.close()
        raise
    return users, users.handle, output


class ScriptProcess:
    """One script's process. ``capture`` takes what it and its children write."""

    def __init__(self, command: Sequence[str], *, user: User, folder: Path, record_id: str, capture: Capture) -> None:
        self._capture = capture
        self._begun = time.monotonic()
        environment = {**user.environment(), _MARK: record_id}
        self._process, handle, self._output = _started(user, command, folder, environment)
        try:
            self._job = Job(handle)
        except OSError:
            self._process.kill()
            if isinstance(self._process, UserProcess):
                self._process.close()
            raise
        _ntdll.NtResumeProcess(handle)
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
        if isinstance(self._process, UserProcess):
            self._process.close()
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
        while data := os.read(self._output.fileno(), _READ_BYTES):
            self._capture.feed(data)
