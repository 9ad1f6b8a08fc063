import itertools

import pytest

from cloudassist.error_code import DetailStatus, ErrorCode, detail_status
from cloudassist.status import BATCH_TERMINAL, MOVES, TERMINAL, InvocationStatus, InvokeStatus
from support.data import table

RUNNING, STOPPING = InvocationStatus.RUNNING, InvocationStatus.STOPPING


def test_values_and_labels_are_those_of_the_overview():
    assert {status.value: status.label for status in InvocationStatus} == {
        "Running": "Task Running",
        "Stopping": "Task Stopping",
        "Stopped": "Manually Stopped",
        "Finished": "Task Completed",
        "Failed": "Task Failed",
    }
    assert {status.value: status.label for status in InvokeStatus} == {
        "Running": "Task Running",
        "Stopping": "Task Stopping",
        "Stopped": "Manually Stopped",
        "Failed": "Task Failed",
        "Finished": "Task Completed",
        "PartialFailed": "Partially Failed",
    }


def test_what_has_ended_moves_nowhere():
    for status in InvocationStatus:
        assert (not MOVES[status]) == (status in TERMINAL)
    assert {RUNNING, STOPPING} == set(InvocationStatus) - TERMINAL
    assert set(InvokeStatus) - {InvokeStatus.RUNNING, InvokeStatus.STOPPING} == BATCH_TERMINAL


def test_a_stop_is_never_taken_back():
    assert RUNNING not in MOVES[STOPPING]
    assert MOVES[STOPPING] == TERMINAL
    assert MOVES[RUNNING] == TERMINAL | {STOPPING}


@pytest.mark.parametrize("row", table("detail_status"), ids=lambda row: row["detail"] + " " + row["error_code"])
def test_the_newer_vocabulary_is_derived(row):
    status = InvocationStatus(row["status"])
    found = detail_status(status, error_code=row["error_code"], exit_code=row["exit_code"], started=row["started"])
    assert found == row["detail"]


def test_every_error_code_has_a_row():
    assert set(ErrorCode) == {row["error_code"] for row in table("detail_status")} - {""}


def test_every_error_code_and_every_combination_has_a_newer_status():
    for status, code, exit_code, started in itertools.product(
        InvocationStatus, ["", *ErrorCode], [None, 0, 1], [False, True]
    ):
        found = detail_status(status, error_code=code, exit_code=exit_code, started=started)
        assert found in DetailStatus
