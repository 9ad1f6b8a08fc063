"""Runs in Salt's environment: a script per line of input is run on all minions; prints how many said hello.

``salt_client.py CONFIGURATION COUNT``: is ready when so many minions answer.
"""

import sys
import time

from salt.client import LocalClient
from salt.exceptions import SaltException

deadline = time.monotonic() + 300
found = 0
while found < int(sys.argv[2]):
    if time.monotonic() > deadline:
        sys.exit("the minions do not answer")
    try:
        # It reads the master's key when it is made.
        client = LocalClient(sys.argv[1])
        found = len(client.cmd("*", "test.ping", timeout=5))
    except SaltException:
        time.sleep(1)
print(0, flush=True)
for line in sys.stdin:
    answers = client.cmd("*", "cmd.run", [line.strip()], timeout=60)
    print(sum(answer == "hello" for answer in answers.values()), flush=True)
