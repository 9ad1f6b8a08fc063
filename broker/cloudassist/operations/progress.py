"""How one invocation stands, and following it to its end."""

import time
from collections.abc import Callable
from typing import Final

from cloudassist.errors import NotFoundError, ServiceUnavailableError, WaitTimeoutError
from cloudassist.models.invocation import PROGRESS, Progress
from cloudassist.operations import arguments
from cloudassist.operations.steps import Context, Hear, Operation, Tell
from cloudassist.store import invocations

OUTAGE_SECONDS: Final = 60.0
"""Seconds that a waiting call bears with a server that does not answer before it gives up."""
LONG_SECONDS: Final = 3_600.0
"""Seconds to wait for a notice where there is no deadline; listeners look for themselves long before."""


def known_invocation(invoke_id: str) -> Operation[dict[str, str]]:
    """Return the fields of an invocation that is planned; raises NotFoundError."""
    arguments.identifier("invoke_id", invoke_id, "InvalidInvokeId.NotFound")
    (fields,) = yield [invocations.read(invoke_id)]
    if "planned" not in fields:
        raise not_found(invoke_id)
    return dict(fields)


def progress(_context: Context, invoke_id: str) -> Operation[Progress]:
    """Read how an invocation stands now; raises NotFoundError."""
    (fields,) = yield [invocations.read_fields(invoke_id, "planned", *PROGRESS)]
    if "planned" not in fields:
        raise not_found(invoke_id)
    return Progress.of(fields)


def follow(context: Context, invoke_id: str, timeout: float | None = None) -> Operation[None]:
    """Tell how an invocation stands, at once and whenever that changes, until it has ended.

    Raises WaitTimeoutError (a TimeoutError) after ``timeout`` seconds, ServiceUnavailableError, NotFoundError.
    """
    last: list[Progress] = []

    def look() -> Operation[bool]:
        now = yield from progress(context, invoke_id)
        if [now] != last:
            last[:] = [now]
            yield Tell(now)
        return now.ended

    yield from watch(invoke_id, timeout, look)


def watch(invoke_id: str, timeout: float | None, look: Callable[[], Operation[bool]]) -> Operation[None]:
    """Look at an invocation at once and at every notice, until a look says that it has ended.

    Follows notices instead of polling, and bears with an outage of a minute. Raises as :func:`follow` does.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    away_since: float | None = None
    yield Hear(invoke_id, 0)
    while True:
        try:
            ended = yield from look()
            away_since = None
        except ServiceUnavailableError:
            away_since = time.monotonic() if away_since is None else away_since
            if time.monotonic() - away_since >= OUTAGE_SECONDS:
                raise
        else:
            if ended:
                return
        left = LONG_SECONDS if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(f"{invoke_id} has not ended after {timeout} s")
        yield Hear(invoke_id, left)


def not_found(invoke_id: object) -> NotFoundError:
    """Return the error for an invocation that is not there."""
    return NotFoundError("InvalidInvokeId.NotFound", f"there is no invocation {invoke_id!r:.100}")
