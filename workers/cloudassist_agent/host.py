"""What an agent says of its host, and what names one boot of it."""

import hashlib
import platform
import socket
from collections.abc import Mapping
from functools import cache

from cloudassist_agent.scripts import system


@cache
def boot_id() -> str:
    """Return what changes with every start of the machine: a process of an earlier boot cannot run any more."""
    try:
        return system.boot_id()
    except OSError:
        return f"{platform.node()}-unknown"


def machine_id() -> str:
    """Return a name of this machine, which a copy of it does not have; empty where the system has no such thing.

    It is a hash: the system's own id is not to be told to others (machine-id(5)).
    """
    own = system.machine_id()
    return hashlib.sha256(f"cloudassist {own}".encode()).hexdigest()[:32] if own else ""


def facts() -> dict[str, str]:
    """Return what a registration says of the host."""
    release = _os_release()
    return {
        "os_type": os_type(),
        "os_version": release.get("PRETTY_NAME", platform.platform())[:255],
        "os_id": _os_id(release)[:255],
        "os_release": release.get("VERSION_ID", _release(platform.release()))[:255],
        "hostname": hostname(),
        "address": address(),
    }


def os_type() -> str:
    """Return the API's word for the operating system: Linux, Windows or FreeBSD."""
    return platform.system()


def hostname() -> str:
    """Return the host's name."""
    return socket.gethostname()[:255]


def address() -> str:
    """Return the address by which the host reaches others, without sending anything; empty where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket only asks the routing table. The address is reserved for documentation.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _os_id(release: Mapping[str, str]) -> str:
    name = release.get("ID", platform.system().lower())
    return "fedora-coreos" if (name, release.get("VARIANT_ID")) == ("fedora", "coreos") else name


def _release(text: str) -> str:
    """Return a release as numbers: Windows' 2012ServerR2 is 2012.2."""
    return text.replace("ServerR", ".").replace("Server", "")


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
