"""Stacks whose clocks run fast: what takes a minute in life takes a second or two here."""

from collections.abc import Iterable
from pathlib import Path

from cloudassist import Invocation
from cloudassist.models.record import InvocationResult

WAITING_REPORTS = 5_000
"""Reports that may wait in the shared stack."""

FAST = {
    "CLOUDASSIST_PRESENCE_INTERVAL_SECONDS": "0.7",
    "CLOUDASSIST_REDELIVERY_SECONDS": "0.3",
    "CLOUDASSIST_DELIVERY_SECONDS": "6",
    "CLOUDASSIST_SILENCE_GRACE_SECONDS": "0.5",
    "CLOUDASSIST_KILL_GRACE_SECONDS": "0.5",
    "CLOUDASSIST_SERVER_SETTLE_SECONDS": "1",
}


def logging_script(folder: Path, *, then: str = "true") -> str:
    """Return a script that writes its record's id to a file of its instance, so that the truth is on disk."""
    return f'echo "$CLOUDASSIST_RECORD_ID" >> {folder}/runs\n{then}'


def runs(folder: Path) -> list[str]:
    """Return the records that have really run, each as often as it did."""
    file = folder / "runs"
    return file.read_text().splitlines() if file.exists() else []


def by_instance(invocation: Invocation) -> dict[str, InvocationResult]:
    """Return the results of a run by instance."""
    results: Iterable[InvocationResult] = invocation.results()
    return {result.instance_id: result for result in results}
