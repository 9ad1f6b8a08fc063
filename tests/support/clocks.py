"""Processes whose wall clock is wrong: by libfaketime where that is installed, and by Python's own means."""

from pathlib import Path

LIBFAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
DAY = 86_400

_SHIFTED = """
import os, sys, time
_real, _real_ns = time.time, time.time_ns
_files = [os.path.join(place, "shift") for name, place in {places!r}.items() if name in " ".join(sys.orig_argv)]
def _shift():
    if not _files:
        return 0
    with open(_files[0]) as file:
        return int(file.read().strip("s"))
time.time = lambda: _real() + _shift()
time.time_ns = lambda: _real_ns() + _shift() * 10**9
"""
# libfaketime 0.9.10 answers EINVAL to the absolute sleep on the monotonic clock that Python's time.sleep is made of.
_SLEEPING = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


def shift(folder: Path, seconds: int) -> None:
    """Have the clocks of a folder be so many seconds off from now on."""
    folder.mkdir(exist_ok=True, parents=True)
    written = folder / "shift.new"
    written.write_text(f"{seconds:+d}s")
    written.rename(folder / "shift")


def shifted_by_libfaketime(folder: Path) -> dict[str, str]:
    """Return the environment of a process whose wall clock is wrong for itself and for all that it starts."""
    return {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "shift"),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        **_customised(folder, _SLEEPING),
    }


def shifted_by_python(folder: Path) -> dict[str, str]:
    """Return the environment of a Python process whose wall clock is wrong for itself."""
    return _customised(folder, _SHIFTED.format(places={"": str(folder)}))


def roles_shifted_by_python(folder: Path, *roles: str) -> dict[str, str]:
    """Return the environment of processes each of which has the clock of the role that its command line names.

    :func:`shift` sets it in the role's own folder; what has no role there has the right time.
    """
    return _customised(folder, _SHIFTED.format(places={role: str(folder / role) for role in roles}))


def _customised(folder: Path, code: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}
