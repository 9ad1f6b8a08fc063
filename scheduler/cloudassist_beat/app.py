"""The scheduler's Celery application: ``celery -A cloudassist_beat beat``."""

from functools import cache, cached_property
from typing import Any

from cloudassist.app import Application, from_environment
from cloudassist.settings import Settings, read


class BeatApplication(Application):
    """The application of a beat."""

    @cached_property
    def Beat(self) -> Any:  # noqa: N802 - Celery's name for it
        """Return the class of this application's beats."""
        return self.subclass_with_self("cloudassist_beat.service:Beat")


@cache
def application() -> BeatApplication:
    """Return the application, from the environment."""
    return from_environment(make_app)


def make_app() -> BeatApplication:
    """Return the application of the scheduler."""
    return BeatApplication("cloudassist-beat", read(Settings), beat_scheduler="cloudassist_beat.scheduler:Scheduler")
