"""parallel-ssh: one connection to each host, which stays open."""

import contextlib
import getpass
from collections.abc import Iterator

from benchmarks.environment import environment
from benchmarks.peers.asked import PROGRAMS, Asked, asked
from benchmarks.peers.sshd import Server


@contextlib.contextmanager
def client(server: Server, count: int) -> Iterator[Asked]:
    """Run its client on so many hosts, all of which are one server."""
    python = environment("parallel-ssh", "parallel-ssh") / "python"
    program = PROGRAMS / "parallel_ssh_client.py"
    with asked([python, program, str(server.port), server.key, getpass.getuser(), str(count)]) as found:
        yield found
