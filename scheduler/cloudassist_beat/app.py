"""The scheduler's Celery application: ``celery -A cloudassist_beat beat``."""

from functools import cache

from cloudassist.app import Application, from_environment
from cloudassist.settings import Settings, read


@cache
def application() -> Application:
    """Return the application, from the environment."""
    return from_environment(make_app)


def make_app() -> Application:
    """Return the application of the scheduler."""
    return Application("cloudassist-beat", read(Settings), beat_scheduler="cloudassist_beat.scheduler:Scheduler")
