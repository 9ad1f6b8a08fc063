"""Whether a host can be served, and by which of its Pythons: a rule over what it says of itself."""

from typing import Final

from cloudassist import operating_system
from cloudassist.installing import failure
from cloudassist.installing.failure import HostError
from cloudassist.installing.on_host.release import NEEDED_BYTES
from cloudassist.installing.probe import Facts, Python
from cloudassist.installing.target import OLDEST_PYTHON, Target

SHIPPED_BYTES: Final = 16 * 2**20
"""Bytes that the shipped file takes besides, twice what it has."""


def choose(facts: Facts, here: Target) -> Python:
    """Return the Python that an agent is to run on; raises HostError where the host cannot be served.

    One like that of ``here`` is preferred: for it nothing has to be fetched.
    """
    _check_system(facts)
    chosen = _fitting(facts, here)
    if facts["writable"] == "no":
        raise HostError(failure.FAILED, f"{facts['user']} may not write {facts['prefix']}: take --prefix, or --sudo")
    needed = (NEEDED_BYTES + SHIPPED_BYTES) >> 10
    if facts.free_kib is not None and facts.free_kib < needed:
        raise HostError(
            failure.NO_SPACE,
            f"{facts['prefix']} has {facts.free_kib >> 10} MiB left, and an installation needs {needed >> 10} MiB",
        )
    return chosen


def _check_system(facts: Facts) -> None:
    if facts["kernel"] != "Linux":
        raise HostError(
            failure.SYSTEM_NOT_SUPPORTED, f"over SSH agents are installed on Linux; this is {facts['kernel']}"
        )
    if not operating_system.is_supported(_os_id(facts), facts["os_release"]):
        families = ", ".join(f"{row.family} {row.oldest}" for row in operating_system.families())
        name = facts["os_name"] or "a system without /etc/os-release"
        raise HostError(
            failure.SYSTEM_NOT_SUPPORTED, f"{name} cannot be served; these can, from a release on: {families}"
        )


def _fitting(facts: Facts, here: Target) -> Python:
    new = [python for python in facts.pythons if python.target.python >= OLDEST_PYTHON]
    whole = [python for python in new if not python.lacks]
    if whole:
        return max(whole, key=lambda python: (python.target.python == here.python, python.target.python))
    if new:
        raise HostError(failure.NO_PYTHON, f"its {new[0].path} is not whole: {new[0].lacks}")
    found = ", ".join(sorted({python.version for python in facts.pythons})) or "none"
    whose = operating_system.python_of(_os_id(facts), facts["os_release"])
    raise HostError(
        failure.NO_PYTHON,
        f"Python 3.11 or newer is needed, and {found} was found. For {facts['os_name']} it is {whose}; "
        "one elsewhere is named by --python, and --runtime ships one",
    )


def _os_id(facts: Facts) -> str:
    # As an agent tells it: Fedora's CoreOS is a variant.
    return "fedora-coreos" if (facts["os_id"], facts["os_variant"]) == ("fedora", "coreos") else facts["os_id"]
