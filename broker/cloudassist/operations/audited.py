"""Writes refusals into the audit trail; what is carried out is written down by the ledger's functions themselves."""

from typing import TypeVar

from cloudassist.errors import CloudAssistError, ServiceUnavailableError
from cloudassist.operations.steps import Operation
from cloudassist.store import audit
from cloudassist.store.audit import Act

T = TypeVar("T")


def audited(act: Act, operation: Operation[T]) -> Operation[T]:
    """Carry out an operation whose arguments are checked; a refusal is written down with the error's code."""
    try:
        return (yield from operation)
    except ServiceUnavailableError:
        raise
    except CloudAssistError as error:
        yield [audit.append(act, error.code)]
        raise
