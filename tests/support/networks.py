"""A network of machines of a test's own, each with an address; nothing else is on it, and it leads nowhere."""

import subprocess
from collections.abc import Mapping

from support.namespaces import Machine

BITS = 24


def connect(control: Machine, address: str, others: Mapping[str, Machine]) -> None:
    """Connect machines that have networks of their own: all to the first one, which is the way to everywhere."""
    _ip(control, "link add name br0 type bridge")
    _ip(control, f"address add {address}/{BITS} dev br0")
    _ip(control, "link set br0 up")
    _ip(control, "link set lo up")
    for number, (own, machine) in enumerate(others.items()):
        _ip(control, f"link add v{number} type veth peer name eth0 netns {machine.pid}")
        _ip(control, f"link set v{number} master br0 up")
        _ip(machine, f"address add {own}/{BITS} dev eth0")
        _ip(machine, "link set lo up")
        _ip(machine, "link set eth0 up")
        _ip(machine, f"route add default via {address}")


def _ip(machine: Machine, words: str) -> None:
    """Run ip on the network of a machine, but with this machine's processes: it names others by their ids."""
    command = ["nsenter", f"--net=/proc/{machine.pid}/ns/net", "ip", *words.split()]
    subprocess.run(command, check=True)
