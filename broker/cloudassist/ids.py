"""Ids of invocations, commands and records.

A record's id is the Celery task id of its order. It is made of the invocation and the instance, so that whoever plans
an execution, however often, plans the same record; and so that a log line with it says what it is about:
``t-9f86d081884c7d65.web-1``, or ``t-9f86d081884c7d65@1795657625000.web-1`` where the task recurs.
"""

import secrets
from typing import Final

from cloudassist.errors import MessageError

INVOKE_PREFIX: Final = "t-"
COMMAND_PREFIX: Final = "c-"
RANDOM_BYTES: Final = 8
"""Random bytes of an id; it has twice as many hexadecimal digits."""
_TOKEN_BYTES: Final = 16
_AT: Final = "@"


def new_invoke_id() -> str:
    """Return the id of a new invocation."""
    return INVOKE_PREFIX + secrets.token_hex(RANDOM_BYTES)


def new_command_id() -> str:
    """Return the id of a new command."""
    return COMMAND_PREFIX + secrets.token_hex(RANDOM_BYTES)


def new_token() -> str:
    """Return a name that nobody can guess, in hexadecimal digits."""
    return secrets.token_hex(_TOKEN_BYTES)


def occurrence_id(invoke_id: str, due: int) -> str:
    """Return the id of one run of a recurring task, by its moment (ms): the same, whoever plans it, however often."""
    return f"{invoke_id}{_AT}{due}"


def task_of(invoke_id: str) -> str:
    """Return the recurring task of one of its runs; any other invocation is its own."""
    return invoke_id.partition(_AT)[0]


def recurs(value: str) -> bool:
    """Tell whether a run, or a record, is one of a recurring task."""
    return _AT in value.partition(".")[0]


def moment_of(occurrence: str) -> int:
    """Return the moment (ms) of one run of a recurring task; raises MessageError (bad-occurrence-id)."""
    invoke_id, separator, due = occurrence.partition(_AT)
    if not separator or not invoke_id.startswith(INVOKE_PREFIX) or not due.isdecimal():
        raise MessageError("bad-occurrence-id", occurrence[:100])
    return int(due)


def record_id(invoke_id: str, instance_id: str) -> str:
    """Return the id of the record of one invocation on one instance."""
    return f"{invoke_id}.{instance_id}"


def split_record_id(value: str) -> tuple[str, str]:
    """Return the invocation and the instance of a record; raises MessageError (bad-record-id)."""
    invoke_id, separator, instance_id = value.partition(".")
    if not separator or not invoke_id.startswith(INVOKE_PREFIX) or not instance_id:
        raise MessageError("bad-record-id", value[:100])
    return invoke_id, instance_id
