"""Asking the worker of the role enrol for something, and waiting until it has done it."""

import time
from collections.abc import Mapping
from typing import Any

from cloudassist import ids, limits, petition
from cloudassist.errors import ServiceUnavailableError
from cloudassist.operations import refusals
from cloudassist.operations.steps import Context, Hear, Operation
from cloudassist.petition import Petition, Wish
from cloudassist.store import enrolments
from cloudassist.store.audit import Act
from cloudassist.store.refusal import Earlier, Refused, verdict


def ask(
    context: Context, wish: Wish, subject: str, act: Act, values: Mapping[str, str] | None = None
) -> Operation[Earlier | None]:
    """Have it done; raises what was refused, and ServiceUnavailableError where nobody does it in time."""
    asked = Petition(ids.new_token(), wish, subject, act.encode(), dict(values or {}))
    deadline = time.monotonic() + limits.PETITION_SECONDS
    yield Hear(asked.token, 0)
    yield [enrolments.petition(asked.encode())]
    while (left := deadline - time.monotonic()) > 0:
        yield Hear(asked.token, left)
        (answer,) = yield [enrolments.read_answer(asked.token)]
        if answer is not None:
            return _settled(petition.decode_answer(answer), context)
    raise ServiceUnavailableError(
        f"nobody has done it within {limits.PETITION_SECONDS} s; is a worker of the role enrol running "
        "(CLOUDASSIST_ROLE=enrol)? It may still be done"
    )


def _settled(answer: list[Any], context: Context) -> Earlier | None:
    found = verdict(answer)
    if isinstance(found, Refused):
        raise refusals.error_of(found, context.settings)
    return found
