"""Plain Celery with a Redis result backend, as people would write it: the peer of the comparisons."""

import os
import subprocess

from celery import Celery, Task


def make(url: str) -> Celery:
    """Return an application on a server."""
    return Celery("plain_celery", broker=url, backend=url, set_as_current=False)


def task_of(made: Celery) -> Task:
    """Return the one task of an application: it runs a script and returns its output."""
    task: Task = made.task(name="plain.run")(_run)
    return task


def _run(script: str) -> str:
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False).stdout


app = make(os.environ.get("PLAIN_CELERY_URL", "redis://127.0.0.1:6379/0"))
task_of(app)
