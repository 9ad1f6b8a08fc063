"""The agent as a service of Windows: made, removed, and what speaks with the service manager while it runs."""

import ctypes
import subprocess
import sys
import threading
import winreg
from collections.abc import Callable, Mapping
from ctypes import wintypes
from pathlib import Path
from typing import Any, Final

from cloudassist.errors import ConfigurationError
from cloudassist.keyset import Root
from cloudassist_agent.enrolment import lasting
from cloudassist_agent.service import control as service_control
from cloudassist_agent.service.control import SERVICE
from cloudassist_agent.settings import AgentSettings
from cloudassist_agent.worker import make_worker

STOP_HINT_MS: Final = 60_000
"""Milliseconds within which the service manager is told again that a stop goes on."""

_SERVICE_KEY: Final = rf"SYSTEM\CurrentControlSet\Services\{SERVICE}"
_OWN_PROCESS: Final = 0x10
_STOPPED: Final = 1
_STOP_PENDING: Final = 3
_RUNNING: Final = 4
_ACCEPTS_STOP_AND_SHUTDOWN: Final = 0x1 | 0x4
_STOP: Final = 1
_INTERROGATE: Final = 4
_SHUTDOWN: Final = 5
_NO_ERROR: Final = 0
_NOT_IMPLEMENTED: Final = 120

_ServiceMain = ctypes.WINFUNCTYPE(None, wintypes.DWORD, ctypes.POINTER(wintypes.LPWSTR))
_Handler = ctypes.WINFUNCTYPE(wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, wintypes.LPVOID, wintypes.LPVOID)
_advapi: Final = ctypes.WinDLL("advapi32", use_last_error=True)
_advapi.RegisterServiceCtrlHandlerExW.restype = wintypes.HANDLE
_advapi.SetServiceStatus.argtypes = (wintypes.HANDLE, wintypes.LPVOID)


def install(settings: AgentSettings, environment: Mapping[str, str], _root: Path) -> list[str]:
    """Make the service and start it; returns what was done, a line each. Raises ConfigurationError.

    ``environment`` is where the settings came from: what begins with CLOUDASSIST_ is kept with the service.
    """
    Root.of(settings)
    command = [sys.executable, "-m", "cloudassist_agent", "service"]
    done = [_carry_out(each) for each in service_control.install(command)]
    kept = [f"{name}={value}" for name, value in lasting(environment).items()]
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _SERVICE_KEY, access=winreg.KEY_SET_VALUE) as key:
        winreg.SetValueEx(key, "Environment", 0, winreg.REG_MULTI_SZ, kept)
    return [*done, _carry_out(service_control.start())]


def uninstall(_root: Path) -> list[str]:
    """Stop the service and remove it; the state folder stays."""
    return [_carry_out(each) for each in service_control.uninstall()]


def run(settings: AgentSettings) -> None:
    """Be the service: an agent that the service manager starts and stops."""
    worker = make_worker(settings, "INFO")
    service = Service(lambda: worker.drain("the service is stopped"))
    service.begin()
    worker.start()
    service.end(worker.exitcode or 0)


class Service:
    """This process as the service manager sees it. ``on_stop`` is called when it is to end."""

    def __init__(self, on_stop: Callable[[], object]) -> None:
        self._on_stop = on_stop
        self._handle: Any = None
        self._ready = threading.Event()
        # Windows calls them later: they must not be collected.
        self._main = _ServiceMain(self._serve)
        self._handler = _Handler(self._control)

    def begin(self) -> None:
        """Say that the service runs; raises OSError where this process was not started by the service manager."""
        failed: list[int] = []
        threading.Thread(target=self._dispatch, args=(failed,), daemon=True).start()
        self._ready.wait()
        if failed:
            raise ctypes.WinError(failed[0])

    def end(self, exit_code: int) -> None:
        """Say that the service has ended."""
        self._tell(_STOPPED, exit_code=exit_code)

    def _dispatch(self, failed: list[int]) -> None:
        class Entry(ctypes.Structure):
            _fields_ = (("name", wintypes.LPWSTR), ("main", _ServiceMain))

        table = (Entry * 2)(Entry(SERVICE, self._main), Entry(None, _ServiceMain()))
        if not _advapi.StartServiceCtrlDispatcherW(table):
            failed.append(ctypes.get_last_error())
            self._ready.set()

    def _serve(self, _count: int, _arguments: Any) -> None:
        self._handle = _advapi.RegisterServiceCtrlHandlerExW(SERVICE, self._handler, None)
        self._tell(_RUNNING)
        self._ready.set()

    def _control(self, control: int, _kind: int, _data: Any, _context: Any) -> int:
        if control in {_STOP, _SHUTDOWN}:
            self._tell(_STOP_PENDING)
            self._on_stop()
        elif control != _INTERROGATE:
            return _NOT_IMPLEMENTED
        return _NO_ERROR

    def _tell(self, state: int, *, exit_code: int = 0) -> None:
        accepted = _ACCEPTS_STOP_AND_SHUTDOWN if state == _RUNNING else 0
        hint = STOP_HINT_MS if state == _STOP_PENDING else 0
        status = (wintypes.DWORD * 7)(_OWN_PROCESS, state, accepted, exit_code, 0, 0, hint)
        _advapi.SetServiceStatus(self._handle, ctypes.byref(status))


def _carry_out(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - sc.exe
    if ended.returncode != 0:
        said = (ended.stdout or ended.stderr).strip()
        raise ConfigurationError(f"{service_control.command_line(command)} failed: {said}")
    return f"did {service_control.command_line(command)}"
