import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist.models.invocation import Progress
from cloudassist.rollup import batch_status, batch_status_of_counts
from cloudassist.status import InvocationStatus
from support.data import table

ROWS = table("batch_status")
DETAILS = table("batch_detail_status")
KINDS = {
    "Pending": ("Running", {"n.pending": 1}),
    "Running": ("Running", {}),
    "Stopping": ("Stopping", {}),
    "Success": ("Finished", {}),
    "ExitCodeNonzero": ("Finished", {"n.nonzero": 1}),
    "CannotRun": ("Failed", {}),
    "Stopped": ("Stopped", {}),
}
"""How the ledger counts an instance of each kind."""


def test_the_table_has_every_set_of_statuses_once():
    sets = {frozenset(row["instances"]) for row in ROWS}
    assert len(ROWS) == len(sets) == 2 ** len(InvocationStatus) - 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "+".join(row["instances"]))
def test_batch_status(row):
    statuses = [InvocationStatus(status) for status in row["instances"]]
    assert batch_status(statuses) == row["batch"]
    assert batch_status_of_counts(dict.fromkeys(statuses, 7)) == row["batch"]


@given(st.dictionaries(st.sampled_from(InvocationStatus), st.integers(0, 10_000)))
def test_only_which_statuses_occur_counts_not_how_often(counts):
    present = [status for status, count in counts.items() if count]
    if present:
        assert batch_status_of_counts(counts) == batch_status(present)


def test_a_batch_without_instances_is_a_mistake():
    with pytest.raises(ValueError, match="at least one"):
        batch_status([])


def test_the_detailed_table_has_every_set_of_kinds_once():
    assert len(DETAILS) == len({frozenset(row["instances"]) for row in DETAILS}) == 2 ** len(KINDS) - 1


@pytest.mark.matrix("I4")
@pytest.mark.parametrize("row", DETAILS, ids=lambda row: "+".join(row["instances"]))
def test_both_vocabularies_come_from_the_same_counters(row):
    counters = {}
    for kind in row["instances"]:
        status, extra = KINDS[kind]
        for name, count in {f"n.{status}": 1, **extra}.items():
            counters[name] = counters.get(name, 0) + 3 * count
    progress = Progress.of({name: str(count) for name, count in counters.items()})
    assert progress.status == row["invoke_status"]
    assert progress.detail_status == row["detail"]
