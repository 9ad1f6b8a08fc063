"""A plain Celery beat with many entries of ten seconds: for Celery's own scheduler, or RedBeat's."""

import os

from celery import Celery

URL = os.environ.get("PLAIN_BEAT_URL", "redis://127.0.0.1:6379/0")

app = Celery("plain_beat", broker=URL, set_as_current=False)
app.conf.update(
    beat_schedule={
        f"entry-{number}": {"task": "plain.run", "schedule": 10.0, "args": ("true",), "options": {"queue": "plain"}}
        for number in range(int(os.environ.get("PLAIN_BEAT_ENTRIES", "0")))
    },
    redbeat_redis_url=URL,
    beat_max_loop_interval=1,
)
