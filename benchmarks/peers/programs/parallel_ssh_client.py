"""Runs in parallel-ssh's environment: a script per line of input is run on all hosts; prints how many said hello.

``parallel_ssh_client.py PORT KEY USER COUNT``.
"""

import sys

from pssh.clients import ParallelSSHClient

port, key, user, count = sys.argv[1:]
client = ParallelSSHClient(["127.0.0.1"] * int(count), port=int(port), pkey=key, user=user, pool_size=int(count))
print(0, flush=True)
for line in sys.stdin:
    output = client.run_command(line.strip())
    client.join(output)
    print(sum(list(host.stdout) == ["hello"] for host in output), flush=True)
