"""Whether a host can be served: the rule over what it says of itself."""

import pytest

from cloudassist.installing import failure, fitness
from cloudassist.installing.failure import HostError
from cloudassist.installing.probe import Facts
from cloudassist.installing.target import Target

HERE = Target.of("3.12", "x86_64", "glibc", "2.39")
DEBIAN = {"kernel": "Linux", "os_id": "debian", "os_release": "12", "os_name": "Debian GNU/Linux 12", "user": "root",
          "writable": "yes", "free_kib": "1000000", "prefix": "/opt/cloudassist"}  # fmt: skip


def python(version, path="/usr/bin/python3", machine="x86_64", lacks=""):
    return f"{path}|{version}|{machine}|glibc|2.36|{lacks}"


def facts(*pythons, **words):
    told = [f"cloudassist:{name}={value}" for name, value in (DEBIAN | words).items()]
    return Facts.parse("\n".join(["Welcome!", *told, *(f"cloudassist:python={each}" for each in pythons)]))


def refusal(*pythons, **words):
    with pytest.raises(HostError) as caught:
        fitness.choose(facts(*pythons, **words), HERE)
    return caught.value


def test_the_python_that_is_like_this_one_is_taken_and_else_the_newest():
    names = {version: python(version, f"/usr/bin/{version}") for version in ("3.11.2", "3.12.1", "3.13.0", "3.9.2")}
    assert fitness.choose(facts(*names.values()), HERE).version == "3.12.1"
    del names["3.12.1"]
    assert fitness.choose(facts(*names.values()), HERE).version == "3.13.0"


@pytest.mark.parametrize(
    ("code", "told", "pythons", "words"),
    [
        (failure.SYSTEM_NOT_SUPPORTED, "Darwin", [python("3.12.1")], {"kernel": "Darwin"}),
        (failure.SYSTEM_NOT_SUPPORTED, "Debian GNU/Linux 7 cannot be served", [python("3.12.1")],
         {"os_release": "7", "os_name": "Debian GNU/Linux 7"}),
        (failure.SYSTEM_NOT_SUPPORTED, "without /etc/os-release", [python("3.12.1")],
         {"os_id": "", "os_release": "", "os_name": ""}),
        (failure.SYSTEM_NOT_SUPPORTED, "CentOS 6", [python("3.12.1")],
         {"os_id": "centos", "os_release": "6", "os_name": "CentOS 6"}),
        (failure.NO_PYTHON, "3.9.2 was found", [python("3.9.2")], {"os_release": "11"}),
        (failure.NO_PYTHON, "own, or the package python3.11", [python("3.6.8")],
         {"os_id": "rhel", "os_release": "8.8"}),
        (failure.NO_PYTHON, "No module named 'venv'", [python("3.11.2", lacks="No module named 'venv'")], {}),
        (failure.NO_SPACE, "9 MiB left", [python("3.11.2")], {"free_kib": "10000"}),
        (failure.FAILED, "deploy may not write", [python("3.11.2")], {"user": "deploy", "writable": "no"}),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_told_why(code, told, pythons, words):
    error = refusal(*pythons, **words)
    assert error.code == code
    assert told in error.message


def test_a_variant_of_fedora_is_another_system():
    words = {"os_id": "fedora", "os_release": "41", "os_name": "Fedora"}
    assert refusal(python("3.12.1"), **words).code == failure.SYSTEM_NOT_SUPPORTED
    assert fitness.choose(facts(python("3.12.1"), **words, os_variant="coreos"), HERE).version == "3.12.1"


def test_what_a_login_prints_besides_and_what_is_no_python_is_passed_over():
    told = facts("", "|||", python("3.11.2"))
    assert [each.version for each in told.pythons] == ["3.11.2"]
    assert not told.is_whole
