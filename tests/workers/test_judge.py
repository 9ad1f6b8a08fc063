"""When the daemon replaces an agent."""

import pytest

from cloudassist_agent.daemon.judge import Budget, Judge, Look
from cloudassist_agent.signs import Heard

BUDGET = Budget(cpu_percent=20, rss_bytes=100 * 2**20, strikes=3, settle_seconds=180)
NOW = 1_000.0
WELL = (Heard("main", NOW + 60), Heard("presence", NOW + 75), Heard("sender", NOW + 120))
BUSY = (*WELL, Heard("t-1.web-1", NOW + 1))
TOO_MUCH = {"cpu_percent": 20.0}


def look(signs=WELL, **changes):
    return Look(**({"now": NOW, "age": 1_000.0, "cpu_percent": 0.1, "rss_bytes": 50 * 2**20, "signs": signs} | changes))


@pytest.fixture
def judge():
    return Judge(BUDGET)


def verdicts(judge, looks):
    return [bool(judge.judge(each)) for each in looks]


def test_one_that_is_well(judge):
    assert verdicts(judge, [look()] * 10) == [False] * 10


@pytest.mark.parametrize("name", ["main", "presence", "sender", "t-1.web-1"])
def test_a_thread_that_is_late_is_a_hang_at_once_also_of_a_script(judge, name):
    signs = [Heard(heard.name, NOW - 1 if heard.name == name else heard.deadline) for heard in BUSY]
    assert judge.judge(look(signs)) == f"1 of its threads gave no sign of life in time: {name}"


def test_nobody_is_blamed_where_the_daemon_itself_was_held_up(judge):
    late = look([Heard("main", NOW - 500)], is_late=True)
    assert judge.judge(late) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu_percent": 20.0}, "while idle it used 20 % of a processor (the limit is 20 %), 3 times in a row"),
        ({"rss_bytes": 101 * 2**20}, "while idle it used 101 MiB of memory (the limit is 100 MiB), 3 times in a row"),
    ],
)
def test_an_excess_counts_three_times_in_a_row(judge, changes, said):
    much = look(**changes)
    assert [judge.judge(each) for each in (look(), much, much, look(), much, much, much)] == [""] * 6 + [said]


@pytest.mark.parametrize(
    "changes", [{"cpu_percent": 19.9}, {"rss_bytes": 100 * 2**20}, {"age": 179.0, "cpu_percent": 99.0}]
)
def test_what_is_no_excess(judge, changes):
    assert verdicts(judge, [look(**changes)] * 10) == [False] * 10


def test_what_scripts_cost_counts_not(judge):
    """Neither while one runs, nor of the time in which one ended."""
    busy, much = look(BUSY, **TOO_MUCH), look(**TOO_MUCH)
    assert verdicts(judge, [busy] * 10) == [False] * 10
    assert verdicts(judge, [much, much, busy, much, much, much]) == [False] * 6
    assert verdicts(judge, [much]) == [True]


def test_another_agent_begins_anew(judge):
    verdicts(judge, [look(**TOO_MUCH)] * 3)
    judge.forget()
    assert verdicts(judge, [look(**TOO_MUCH)] * 4) == [False] * 3 + [True]
