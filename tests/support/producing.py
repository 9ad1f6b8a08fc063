"""A producer that is killed at a named point: ``python producing.py POINT TOKEN SCRIPT INSTANCE …``."""

import os
import signal
import sys

from cloudassist import Assistant, fanout, pushing
from cloudassist.store.pending import Pending
from support.crashing import before


def before_second_function(owner, name):
    """Die when only the first function of those that change something has been sent."""
    real = getattr(owner, name)

    def dying(self, requests):
        functions = [index for index, words in enumerate(requests) if words[0] == "FCALL"]
        if len(functions) > 1:
            real(self, requests[: functions[1]])
            self._client.parse_response(self._connection, "FCALL")
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, requests)

    setattr(owner, name, dying)


def before_second_order(owner, name):
    """Die when one order is out."""
    owner.BATCH, real, out = 1, getattr(owner, name), []

    def dying(*args):
        if out:
            os.kill(os.getpid(), signal.SIGKILL)
        real(*args)
        out.append(args)

    setattr(owner, name, dying)


POINTS = {
    "begun": (before_second_function, Pending, "_send"),
    "planned": (before, fanout, "push"),
    "publishing": (before_second_order, pushing, "ask"),
}

if __name__ == "__main__":
    point, token, script, *instance_ids = sys.argv[1:]
    how, owner, name = POINTS[point]
    how(owner, name)
    with Assistant() as assistant:
        assistant.run_command(script, instance_ids=instance_ids, client_token=token)
