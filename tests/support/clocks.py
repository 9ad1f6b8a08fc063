"""Processes whose wall clock is wrong: by libfaketime where that is installed, and by Python's own means."""

from pathlib import Path

LIBFAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
DAY = 86_400

_SHIFTED = """
import time
_real, _real_ns = time.time, time.time_ns
time.time = lambda: _real() + {seconds}
time.time_ns = lambda: _real_ns() + {seconds} * 10**9
"""
# libfaketime 0.9.10 answers EINVAL to the absolute sleep on the monotonic clock that Python's time.sleep is made of.
_SLEEPING = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


def shifted_by_libfaketime(seconds: int, folder: Path) -> dict[str, str]:
    """Return the environment of a process whose wall clock is wrong for itself and for all that it starts."""
    return {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        **_customised(folder, _SLEEPING),
    }


def shifted_by_python(seconds: int, folder: Path) -> dict[str, str]:
    """Return the environment of a Python process whose wall clock is wrong for itself."""
    return _customised(folder, _SHIFTED.format(seconds=seconds))


def _customised(folder: Path, code: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}
