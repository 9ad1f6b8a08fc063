"""An agent that is killed at a named point: ``python crashing.py POINT``. The product knows nothing of it."""

import os
import signal
import sys

from cloudassist_agent import executor
from cloudassist_agent.__main__ import main
from cloudassist_agent.journal.journal import Journal
from cloudassist_agent.orders import Orders
from cloudassist_agent.scripts import process
from cloudassist_agent.upstream.link import Link
from cloudassist_agent.upstream.post import Post


def before(owner, name):
    """Die instead of doing it."""
    assert callable(getattr(owner, name)), f"nothing dies at {name}, which is not there any more"

    def dying(*_args, **_options):
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


def after(owner, name):
    """Die as soon as it is done."""
    real = getattr(owner, name)

    def dying(*args, **options):
        real(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


def before_last_report(owner, name):
    """Die when the end of a record is to be published; what is said before that gets through."""
    real = getattr(owner, name)

    def dying(self, bodies):
        if any('"kind":"ended"' in body for _, body in bodies):
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, bodies)

    setattr(owner, name, dying)


POINTS = {
    "popped": (before, Orders, "open"),
    "verified": (before, Orders, "carry_out"),
    "claimed": (after, Link, "claim"),
    "committed": (after, Journal, "begin"),
    "prepared": (before, executor, "ScriptProcess"),
    "spawned": (after, process.ScriptProcess, "__init__"),
    "noted": (after, Journal, "note_process"),
    "exited": (before, Journal, "end"),
    "journalled": (after, Journal, "end"),
    "unpublished": (before_last_report, Post, "publish"),
    "published": (before, Journal, "mark_sent"),
}

if __name__ == "__main__":
    how, owner, name = POINTS[sys.argv[1]]
    how(owner, name)
    main(["run"])
