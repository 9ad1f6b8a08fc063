"""What expressions stand for: a table, a second library beside it, and what holds for all of them."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest
from croniter import croniter
from hypothesis import assume, given
from hypothesis import strategies as st

from cloudassist import limits
from cloudassist.expressions import Fault, check, parse, zones
from cloudassist.expressions.cron import _plain

TABLE = json.loads((Path(__file__).parents[1] / "data" / "expressions.json").read_text())
FAULTS = json.loads((Path(__file__).parents[1] / "data" / "bad_expressions.json").read_text())
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "GMT+5:45")
NOW = 1_795_651_200_000  # 2026-11-26 00:00 UTC


def milliseconds(text):
    return int(1000 * datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def upcoming(expression, start, count):
    found, moment = [], start
    while len(found) < count and (moment := expression.after(moment, start)) is not None:
        found.append(moment)
    return found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['expression']} {row['zone']} {row['from']}")
def test_the_next_ten(row):
    expression = parse(row["expression"], row["zone"])
    assert upcoming(expression, milliseconds(row["from"]), 10) == [milliseconds(text) for text in row["next"]]


def as_croniter(expression):
    """Return a cron expression as the other library writes it; None where it cannot say the same."""
    words = expression.split()
    # 31W of a month with fewer days is its last day there; here, as in Quartz, that month has none.
    if len(words) != 6 or "(" in expression or "LW" in expression or "31W" in expression:
        return None
    *others, weekday = words
    weekday = re.sub(r"^([1-7])L$", lambda found: f"L{int(found[1]) % 7}", weekday)
    weekday = {"L": "0", "MON-SUN": "*", "5-7": "5,6,0", "7": "0"}.get(weekday, weekday)
    day = others[3].replace("*/", "1/")
    return " ".join([*others[:3], day, others[4], weekday]).replace("?", "*")


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if row["zone"] == "UTC" and as_croniter(row["expression"])],
    ids=lambda row: row["expression"],
)
def test_another_library_says_the_same(row):
    start = datetime.fromisoformat(row["from"])
    other = croniter(as_croniter(row["expression"]), start, second_at_beginning=True)
    assert [other.get_next(datetime).isoformat() for _ in row["next"]] == row["next"]


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row["expression"])
def test_what_is_wrong_is_told_with_its_place(row):
    with pytest.raises(Fault) as raised:
        check(row["expression"], "UTC", NOW)
    assert (raised.value.position, row["reason"] in raised.value.reason) == (row["position"], True), raised.value.reason


def field(least, most):
    number = st.integers(least, most)
    stepped = st.builds(lambda start, step: f"{start}/{step}", number, st.integers(1, most))
    ranged = st.builds(lambda one, other: f"{min(one, other)}-{max(one, other)}", number, number)
    term = st.one_of(number.map(str), stepped, ranged)
    return st.one_of(st.just("*"), st.lists(term, min_size=1, max_size=3).map(",".join))


days = st.one_of(field(1, 31), st.sampled_from(["L", "LW", "15W", "1W", "31W,2", "?"]))
weekdays = st.one_of(field(1, 7), st.sampled_from(["?", "L", "3L", "5#5", "MON-FRI", "SUN"]))
crons = st.tuples(field(0, 59), field(0, 59), field(0, 23), days, field(1, 12), weekdays).map(" ".join)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(  # noqa: DTZ001 - hypothesis wants them so
    lambda moment: int(1000 * moment.replace(tzinfo=UTC).timestamp())
)


@given(crons, moments, st.sampled_from(ZONES))
def test_moments_go_forward_and_say_themselves(text, start, zone):
    expression = parse(text, zone)
    found = upcoming(expression, start, 5)
    assert found == sorted(set(found))
    assert all(moment > start and moment % 1000 == 0 for moment in found)
    if len(found) > 1:
        # Whoever looks in between finds the same one.
        assert expression.after(found[0], start) == expression.after(found[1] - 1, start) == found[1]


@given(crons, moments)
def test_within_an_hour_it_says_what_the_library_says(text, start):
    expression, shown = parse(text, "UTC"), zones.local(start, UTC)
    assume(not expression._near)
    asked = _plain(shown, expression.text)
    assert list(islice(expression._hour_first(shown), 70)) == list(islice(asked, 70))


@given(crons, moments)
def test_no_time_of_a_day_is_left_out(text, start):
    """Against the plainest reading: every minute of the fields, one after the other."""
    second, minute, hour = text.split()[:3]
    expression = parse(f"{second} {minute} {hour} * * ?", "UTC")
    found = expression.after(start, start)
    moment = datetime.fromtimestamp(start / 1000, UTC).replace(microsecond=0, second=0)
    wanted = [members(second, 59), members(minute, 59), members(hour, 23)]
    for _ in range(24 * 60 + 2):
        if moment.minute in wanted[1] and moment.hour in wanted[2]:
            later = [1000 * int(moment.timestamp()) + 1000 * number for number in sorted(wanted[0])]
            if fitting := [value for value in later if value > start]:
                assert found == fitting[0]
                return
        moment += timedelta(minutes=1)
    raise AssertionError("a day without any")


def members(text, most):
    found = set()
    for term in text.split(","):
        base, _, step = term.partition("/")
        first, dash, last = base.partition("-")
        low = 0 if base == "*" else int(first)
        high = most if base == "*" or (step and not dash) else int(last or first)
        found.update(range(low, high + 1, int(step or 1)))
    return found


@given(crons, st.sampled_from(ZONES))
def test_what_is_let_through_keeps_its_distance(text, zone):
    try:
        expression = check(text, zone, NOW)
    except Fault:
        return
    found = upcoming(expression, NOW, 300)
    assert all(later - earlier >= 1000 * limits.INTERVAL_SECONDS for earlier, later in pairwise(found))


@given(st.text(max_size=60), st.sampled_from(ZONES))
def test_any_other_text_is_a_fault_and_nothing_worse(text, zone):
    with pytest.raises(Fault) as raised:
        check(text, zone, NOW)
    assert 0 <= raised.value.position <= len(text)
    assert raised.value.reason


@given(st.integers(10, 7 * 86_400), moments, st.integers(0, 10**10))
def test_a_rate_keeps_its_grid(seconds, anchor, later):
    rate = parse(f"rate({seconds}s)", "UTC")
    due = rate.after(anchor + later, anchor)
    assert (due - anchor) % (1000 * seconds) == 0
    assert 0 < due - (anchor + later) <= 1000 * seconds or (later == 0 and due == anchor + 1000 * seconds)


@pytest.mark.parametrize("text", ["rate(10s)", "0/15 * * * * ?"])
def test_moments_that_have_passed_are_counted(text):
    expression = parse(text, "UTC")
    due = expression.after(NOW, NOW)
    passed = expression.passed(due, due + 61_000, NOW)
    assert (passed.count, passed.last) == ((7, due + 60_000) if text == "rate(10s)" else (5, due + 60_000))
    assert expression.passed(due, due, NOW).count == 1


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["expression"])
def test_it_can_be_said_in_words(row):
    said = parse(row["expression"], row["zone"]).sentence
    assert said[0].isupper()
    assert "*" not in said
