"""How Celery sets up the log of a process of ours: its way, or as JSON where the settings say so."""

from typing import Any

from celery.app.log import Logging as CeleryLogging
from celery.utils.log import ColorFormatter

from cloudassist.json_log import JsonFormatter


class Logging(CeleryLogging):  # type: ignore[misc]
    """Celery's, with the format of the settings."""

    def setup_handlers(self, *args: Any, formatter: Any = ColorFormatter, **kwargs: Any) -> Any:
        """Give a logger its handler."""
        if self.app.settings.logs_json:
            formatter = self._json
        return super().setup_handlers(*args, formatter=formatter, **kwargs)

    def _json(self, *_args: Any, **_kwargs: Any) -> JsonFormatter:
        return JsonFormatter(self.app.log_fields)
