"""What an agent says of its host, and what names one boot of it."""

import platform
import socket
from functools import cache

from cloudassist_agent import system


@cache
def boot_id() -> str:
    """Return what changes with every start of the machine: a process of an earlier boot cannot run any more."""
    try:
        return system.boot_id()
    except OSError:
        return f"{platform.node()}-unknown"


def os_type() -> str:
    """Return the API's word for the operating system: Linux, Windows or FreeBSD."""
    return platform.system()


def os_version() -> str:
    """Return the name of the operating system as its maker writes it."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.platform())[:255]
    except OSError:
        return platform.platform()[:255]


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
