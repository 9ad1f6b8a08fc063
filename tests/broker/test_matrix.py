"""Every row of the failure matrix is in its table, and has tests that carry its name."""

from collections import Counter

import pytest

from support.matrix import marked, table

INVARIANTS = [f"I{number}" for number in range(1, 11)]
FAULTS = [f"F{number}" for number in (*range(1, 46), *range(50, 56), *range(60, 87))]
ROWS = table()
MARKED = marked()


def test_every_row_is_in_the_table_once():
    assert Counter(row.name for row in ROWS) == Counter(INVARIANTS + FAULTS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_has_tests_that_carry_its_name(row):
    unmarked = [test for test in row.tests if row.name not in MARKED[test]]
    assert unmarked == []
    assert row.tests or row.excused


def test_no_marker_names_a_row_that_is_not_there():
    named = {name for rows in MARKED.values() for name in rows}
    assert named - {row.name for row in ROWS} == set()
