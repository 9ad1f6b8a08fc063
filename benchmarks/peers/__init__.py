"""Twenty instances, one `echo hello` each, beside Salt, parallel-ssh and Ansible: what people would use instead.

Each is set up as its documentation says, on loopback, and called from a program that goes on running where it has one
to offer (Ansible has a command line only). The processor time is the machine's: nothing else should run meanwhile.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import Figure, MachineTime, median, times
from benchmarks.peers import ansible, parallel_ssh, salt, sshd
from cloudassist.local import LocalStack

QUESTION = "peers"
INSTANCES = 20
SCRIPT = "echo hello"
_WARM_UP = 3

Call = Callable[[], int]
"""Runs the script once on all; returns from how many instances its output came."""


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    count = 5 if quick else 15
    contestants = {"Cloud Assistant": _ours, "parallel-ssh": _parallel_ssh, "Salt": _salt, "Ansible": _ansible}
    taken = {name: _measure(contestant, count) for name, contestant in contestants.items()}
    our_wall, our_cpu = taken["Cloud Assistant"]
    figures = []
    for name, (wall, used) in taken.items():
        figures += [
            Figure(QUESTION, f"{name}: wall, p50", wall, "ms", wall / our_wall, "Cloud Assistant"),
            Figure(QUESTION, f"{name}: processor of the machine", used, "ms/call", used / our_cpu, "Cloud Assistant"),
        ]
    return figures


def _measure(contestant: Callable[[Path], contextlib.AbstractContextManager[Call]], count: int) -> tuple[float, float]:
    """Return how long a call takes, and how much processor time (ms)."""
    # Its paths are short: sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="ca-peer-") as folder, contestant(Path(folder)) as call:

        def checked() -> None:
            answers = call()
            if answers != INSTANCES:
                raise RuntimeError(f"{answers} of {INSTANCES} instances answered")

        times(checked, _WARM_UP)
        used = MachineTime()
        taken = times(checked, count)
        return median(taken), 1000 * used.seconds() / count


@contextlib.contextmanager
def _ours(_folder: Path) -> Iterator[Call]:
    with LocalStack(instances=INSTANCES) as stack, stack.assistant() as assistant:

        def call() -> int:
            run = assistant.run_command(SCRIPT, instance_ids=stack.instance_ids).wait(timeout=60)
            return sum(result.output == "hello\n" for result in run.results())

        yield call


@contextlib.contextmanager
def _salt(folder: Path) -> Iterator[Call]:
    with salt.fleet(folder, INSTANCES) as client:
        yield lambda: client.ask(SCRIPT)


@contextlib.contextmanager
def _parallel_ssh(folder: Path) -> Iterator[Call]:
    with sshd.server(folder) as server, parallel_ssh.client(server, INSTANCES) as client:
        yield lambda: client.ask(SCRIPT)


@contextlib.contextmanager
def _ansible(folder: Path) -> Iterator[Call]:
    with sshd.server(folder) as server, ansible.hosts(server, folder, INSTANCES) as run:
        yield lambda: run(SCRIPT)
