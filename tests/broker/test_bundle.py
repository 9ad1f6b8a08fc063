"""The file that is shipped: what is in it, and for which hosts it is."""

import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from cloudassist.errors import ConfigurationError
from cloudassist.installing import bundle, wheels
from cloudassist.installing.target import Target

ROOT = Path(__file__).parents[2]
NEWER = Target.of("3.12", "x86_64", "glibc", "2.28")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return bundle.make(Target.here(), tmp_path_factory.mktemp("bundle"))


def wheels_of(file):
    with zipfile.ZipFile(file.path) as found:
        return [name for name in found.namelist() if name.endswith(".whl")]


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", True),
        ("py2-none-any", False),
        ("cp312-cp312-manylinux_2_17_x86_64", True),
        ("cp312-cp312-manylinux_2_34_x86_64", False),
        ("cp311-cp311-manylinux_2_17_x86_64", False),
        ("cp312-cp312-manylinux2014_x86_64", True),
        ("cp312-cp312-manylinux2014_aarch64", False),
        ("cp312-cp312-musllinux_1_2_x86_64", False),
        ("cp38-abi3-manylinux_2_28_x86_64", True),
        ("cp313-abi3-manylinux_2_28_x86_64", False),
        ("cp312-none-any", True),
        ("py313-none-any", False),
        ("pp310-pypy310_pp73-manylinux_2_17_x86_64", False),
        ("cp312-cp312-win_amd64", False),
    ],
)
def test_a_wheel_fits_where_its_tag_says_so(tag, fits):
    assert NEWER.accepts(tag) is fits


def test_what_was_made_for_a_host_serves_those_with_a_newer_c_library():
    assert NEWER.serves(Target.of("3.12", "x86_64", "glibc", "2.36"))
    assert not NEWER.serves(Target.of("3.12", "x86_64", "glibc", "2.17"))
    assert not NEWER.serves(Target.of("3.12", "x86_64", "musl", "1.2"))
    assert not NEWER.serves(Target.of("3.13", "x86_64", "glibc", "2.28"))


def test_what_an_agent_needs_is_what_this_distribution_needs():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[a-z-]+(\[[a-z]+\])?", each).group() for each in declared}
    assert set(wheels.NEEDED) <= names
    assert "pydantic" not in {each.name for each in wheels.closure(Target.here())}


def test_the_same_is_made_of_the_same(made, tmp_path):
    again = bundle.make(Target.here(), tmp_path)
    assert again.hash == made.hash
    assert again.path.read_bytes() == made.path.read_bytes()


def test_it_holds_every_wheel_once_and_its_installer(made):
    names = [name.removeprefix("wheels/").partition("-")[0] for name in wheels_of(made)]
    assert len(names) == len(set(names))
    assert {"cloudassist", "celery", "kombu", "redis", "pynacl", "cffi", "pip"} <= set(names)
    # Debian 12 has Python 3.11.2, for which redis needs it.
    assert "async_timeout" in names


def test_it_is_read_again_as_what_it_was_made_for(made):
    assert bundle.Bundle.read(made.path) == made


def test_what_is_no_such_file_is_refused(tmp_path):
    broken = tmp_path / "broken.pyz"
    broken.write_bytes(b"no zip")
    for path in (broken, tmp_path / "missing.pyz"):
        with pytest.raises(ConfigurationError, match=path.name):
            bundle.Bundle.read(path)


def test_what_is_not_installed_here_is_named(monkeypatch):
    monkeypatch.setattr(wheels, "NEEDED", ("no-such-distribution",))
    with pytest.raises(ConfigurationError, match="no-such-distribution is not installed here"):
        wheels.closure(Target.here())
