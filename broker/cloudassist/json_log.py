"""Log records as JSON: one object a line, for whoever collects the logs of many machines.

A line that names one record, or one run, among its arguments is about that: its ids are fields of their own. Nothing
else of a line's arguments, or of what Celery hands its own lines beside them, gets in but through the message.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cloudassist import ids, limits

_RUN: Final = rf"{re.escape(ids.INVOKE_PREFIX)}[0-9a-f]{{{2 * ids.RANDOM_BYTES}}}(@[0-9]+)?"
_INSTANCE: Final = limits.INSTANCE_ID_PATTERN
_SUBJECT: Final = re.compile(rf"(?P<invoke_id>{_RUN})(\.(?P<instance_id>{_INSTANCE}))?")


class JsonFormatter(logging.Formatter):
    """Writes ``time`` (UTC), ``level``, ``logger``, ``message``, and what a line is about.

    That is ``invoke_id``, ``instance_id`` and ``record_id``, as far as there is one. ``always`` is in each line.
    ``traceback`` stands beside an error that was not foreseen.
    """

    def __init__(self, always: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._always = dict(always or {})

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line |= self._always | _subject(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _subject(record: logging.LogRecord) -> dict[str, str]:
    """Return what a line is about; nothing where it names several records, or none."""
    found = {match[0]: match for match in map(_SUBJECT.fullmatch, _named(record)) if match is not None}
    if len(found) != 1:
        return {}
    ((name, match),) = found.items()
    subject = {key: value for key, value in match.groupdict().items() if value is not None}
    return subject | {"record_id": name} if "instance_id" in subject else subject


def _named(record: logging.LogRecord) -> Iterable[str]:
    """Return the texts among a line's arguments."""
    arguments: Any = record.args or ()
    values = arguments.values() if isinstance(arguments, Mapping) else arguments
    return [value for value in values if isinstance(value, str)]
