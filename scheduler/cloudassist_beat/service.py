"""Celery's beat, as ours is started."""

from typing import Any

from celery.apps.beat import Beat as CeleryBeat


class Beat(CeleryBeat):  # type: ignore[misc]
    """Celery's; without its words on the terminal where all that is said is to be JSON."""

    def __init__(self, **kwargs: Any) -> None:
        if self.app.settings.logs_json:
            kwargs["quiet"] = True
        super().__init__(**kwargs)
