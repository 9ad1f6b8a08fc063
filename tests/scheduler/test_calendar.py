"""What a beat claims of a task whose moment has come, or comes soon."""

from datetime import UTC, datetime

import pytest

from cloudassist import expressions
from cloudassist.expressions.rate import Rate
from cloudassist.store.schedules import Claim, What
from cloudassist_beat.calendar import Calendar


class Tasks:
    """A ledger that has a few tasks, and counts how often it is asked."""

    def __init__(self, **tasks):
        self.tasks = tasks
        self.asked = 0

    def run(self, calls):
        self.asked += len(calls)
        return [self.tasks.get(call.words[1].removeprefix("invocation:"), {}) for call in calls]


def milliseconds(text):
    return int(1000 * datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def task(frequency, *, zone="UTC", created="2026-11-26T00:00:00", grace_ms=10_000):
    return {
        "frequency": frequency,
        "time_zone": zone,
        "creation_time": str(milliseconds(created)),
        "grace_ms": str(grace_ms),
    }


DUE = milliseconds("2026-11-26T00:01:00")


@pytest.mark.parametrize("now", [DUE - 2_000, DUE, DUE + 900])
def test_what_is_in_time_runs_and_its_next_moment_is_on_the_grid(now):
    calendar = Calendar(Tasks(a=task("rate(10s)")))
    assert calendar.claims([("a", DUE)], now) == [Claim("a", DUE, DUE, DUE + 10_000, 0, What.RUN)]


def test_what_is_late_runs_once_and_the_rest_is_missed():
    calendar = Calendar(Tasks(a=task("rate(10s)")))
    assert calendar.claims([("a", DUE)], DUE + 35_000) == [Claim("a", DUE, DUE + 30_000, DUE + 40_000, 3, What.RUN)]


def test_what_is_too_late_is_missed():
    calendar = Calendar(Tasks(a=task("rate(1h)", created="2026-11-25T23:01:00", grace_ms=60_000)))
    assert calendar.claims([("a", DUE)], DUE + 61_000) == [Claim("a", DUE, DUE, DUE + 3_600_000, 1, What.NONE)]


def test_the_last_of_all_moments_is_lost_when_it_is_too_late():
    calendar = Calendar(Tasks(a=task("at(2026-11-26 00:01:00)", grace_ms=60_000)))
    assert calendar.claims([("a", DUE)], DUE) == [Claim("a", DUE, DUE, None, 0, What.RUN)]
    assert calendar.claims([("a", DUE)], DUE + 61_000) == [Claim("a", DUE, DUE, None, 1, What.LOST)]


def test_a_task_that_is_gone_leaves_the_schedules():
    assert Calendar(Tasks()).claims([("a", DUE)], DUE) == [Claim("a", DUE, DUE, None, 0, What.NONE)]


def test_an_expression_that_nobody_can_read_ends_its_own_task_only():
    calendar = Calendar(Tasks(a=task("0 61 * * * ?"), b=task("rate(10s)")))
    assert calendar.claims([("a", DUE), ("b", DUE)], DUE) == [
        Claim("a", DUE, DUE, None, 1, What.LOST),
        Claim("b", DUE, DUE, DUE + 10_000, 0, What.RUN),
    ]


def test_where_clocks_are_put_forward_two_moments_that_become_one_run_once():
    """02:00:00 to 02:59:50 do not exist on that day, and all stand for 03:00; 03:00:05 is too close to it."""
    times = "0,5 0 2,3 * * ?"
    tasks = Tasks(a=task(times, zone="Europe/Berlin", created="2027-03-27T00:00:00"))
    skipped = milliseconds("2027-03-28T01:00:00")
    (claim,) = Calendar(tasks).claims([("a", skipped)], skipped)
    assert claim.following - skipped >= 10_000


def test_a_task_is_read_once():
    tasks = Tasks(a=task("rate(10s)"), b=task("rate(10s)"))
    calendar = Calendar(tasks)
    for turn in range(3):
        calendar.claims([("a", DUE + 10_000 * turn), ("b", DUE)], DUE + 10_000 * turn)
    assert tasks.asked == 2
    calendar.keep(["b"])
    calendar.claims([("a", DUE), ("b", DUE)], DUE)
    assert tasks.asked == 3


def test_a_moment_is_worked_out_once_however_often_somebody_looks_ahead(monkeypatch):
    asked = []

    class Counted(Rate):
        def after(self, moment, anchor):
            asked.append(moment)
            return super().after(moment, anchor)

    monkeypatch.setattr(expressions, "parse", lambda _text, zone: Counted.parse("10s", zone))
    calendar = Calendar(Tasks(a=task("rate(10s)")))
    for now in (DUE - 2_400, DUE - 400, DUE):
        assert calendar.claims([("a", DUE)], now) == [Claim("a", DUE, DUE, DUE + 10_000, 0, What.RUN)]
    assert asked == [DUE]
    for due in (DUE + 10_000, DUE, DUE + 10_000):
        assert calendar.claims([("a", due)], due) == [Claim("a", due, due, due + 10_000, 0, What.RUN)]
