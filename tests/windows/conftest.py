"""Wine, set up once for all tests: Windows' own programs, and Python with the functions of Windows."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def wine_environment(tmp_path_factory):
    if shutil.which("wine") is None:
        pytest.skip("wine is not installed (apt-get install wine)")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "WINEPREFIX": str(tmp_path_factory.mktemp("wine")),
        "WINEDEBUG": "-all",
        "LANG": "C.UTF-8",
    }
    carry_out("cmd.exe", "/c", "exit", environment=environment)  # the first one also sets wine up, and says so
    yield environment
    subprocess.run(["wineserver", "-k"], env=environment, check=False)


@pytest.fixture(scope="session")
def wine_command(wine_environment):
    """Run a program of Windows; returns output and exit code."""
    return lambda *command: carry_out(*command, environment=wine_environment)


@pytest.fixture(scope="session")
def wine_check(wine_environment, tmp_path_factory):
    """Run one of the checks inside Python in wine; returns output and exit code."""
    if shutil.which("winegcc") is None or not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        pytest.skip("needs winegcc (apt-get install libwine-dev wine64-tools) and a Python with a shared library")
    library, folder = sysconfig.get_config_var("INSTSONAME"), sysconfig.get_config_var("LIBDIR")
    program = tmp_path_factory.mktemp("winpython") / "winpython"
    include = f"-I{sysconfig.get_path('include')}"
    link = [f"-L{folder}", f"-Wl,-rpath,{folder}", f"-lpython{sysconfig.get_config_var('LDVERSION')}"]
    made = ["winegcc", "-w", f'-DPYTHON_LIBRARY="{library}"', include, "-o", program, HERE / "winpython.c", *link]
    subprocess.run(made, check=True)
    places = HERE / "inside", ROOT / "broker", ROOT / "workers", sysconfig.get_path("purelib")
    path = os.pathsep.join(str(each) for each in places)
    environment = wine_environment | {"PYTHONHOME": sys.base_prefix, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(check):
        command = f"{program}.exe.so", str(HERE / "inside" / "checks.py"), check
        return carry_out(*command, environment=environment)

    return run


def carry_out(*command, environment):
    done = subprocess.run(
        ["wine", *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout, done.returncode
