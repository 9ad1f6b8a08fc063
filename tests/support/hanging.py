"""One thread of a process that hangs, while its others go on: a debugger that holds it and does nothing."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

_HOLD = """
import ctypes, os, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
    if libc.ptrace(request, pid, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(pid, WALL)
print("held", flush=True)
while True:
    _, status = os.waitpid(pid, WALL)
    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
        break
"""


@contextlib.contextmanager
def held_thread(thread_id: int) -> Iterator[None]:
    """Hold one thread; that of a process's id is its main thread."""
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(thread_id)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.kill()
        holder.wait(10)
        holder.stdout.close()
