"""What ctypes has on Windows alone, for a Python that runs in a process of wine (winpython.c).

Types that differ between Linux and Windows (wchar_t, long, what wintypes makes of it) must not be used with it.
"""

import ctypes
import sys
import types

import wine_functions

_last_error = 0


class _Function:
    def __init__(self, library, name):
        self._address = wine_functions.address(library, name)
        self.argtypes = None
        self.restype = ctypes.c_int

    def __call__(self, *given):
        global _last_error
        kinds = self.argtypes or (None,) * len(given)
        assert len(kinds) == len(given), "ctypes would refuse that"
        passed = tuple(_passed(kind, each) for kind, each in zip(kinds, given, strict=True))
        result, _last_error = wine_functions.call(self._address, passed)
        if self.restype is None:
            return None
        return self.restype(result).value


class WinDLL:
    def __init__(self, name, *, use_last_error=False):  # noqa: ARG002 - it always does
        self._name = name

    def __getattr__(self, name):
        function = _Function(self._name + ".dll", name)
        setattr(self, name, function)
        return function


def _passed(kind, value):
    if value is None:
        return 0
    if isinstance(value, int):
        return kind(value).value or 0
    if hasattr(value, "_obj"):
        return ctypes.addressof(value._obj)
    if isinstance(value, ctypes.Array | ctypes.Structure):
        return ctypes.addressof(value)
    return value.value or 0


def install():
    for name in ("msvcrt", "winreg"):
        sys.modules[name] = types.ModuleType(name)  # that they can be imported is enough
    ctypes.WinDLL = WinDLL
    ctypes.get_last_error = lambda: _last_error
    ctypes.FormatError = lambda error: f"error {error}"
    ctypes.WinError = lambda error: OSError(error, f"[WinError {error}]")
