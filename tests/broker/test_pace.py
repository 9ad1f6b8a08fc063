"""Where reports come thick they are let gather; where they do not, each is applied at once."""

import pytest

from cloudassist.duties.pace import GATHERED, GATHERING_SECONDS, SPAN_SECONDS, THICK_PER_SECOND, Pace


class Clock:
    """Seconds that pass when they are told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def rest_after(clock, pace, per_second, count):
    """Return the last rest while so many come in a second, so many at a time, for two spans."""
    rest = 0.0
    for _ in range(round(2 * SPAN_SECONDS * per_second / count) + 1):
        clock.now += count / per_second
        rest = pace.rest(count)
    return rest


@pytest.mark.parametrize("count", [1, 3, GATHERED - 1])
def test_many_gather(count):
    clock = Clock()
    assert rest_after(clock, Pace(clock), 2 * THICK_PER_SECOND, count) == GATHERING_SECONDS


@pytest.mark.parametrize("per_second", [1, 100, 0.9 * THICK_PER_SECOND])
def test_few_do_not(per_second):
    clock = Clock()
    assert rest_after(clock, Pace(clock), per_second, 1) == 0


def test_enough_at_a_time_is_no_reason_to_wait_for_more():
    clock = Clock()
    assert rest_after(clock, Pace(clock), 10 * THICK_PER_SECOND, GATHERED) == 0


def test_it_is_over_when_fewer_come():
    clock = Clock()
    pace = Pace(clock)
    assert rest_after(clock, pace, 2 * THICK_PER_SECOND, 1) > 0
    assert rest_after(clock, pace, 0.5 * THICK_PER_SECOND, 1) == 0


def test_a_burst_after_silence_is_applied_at_once():
    clock = Clock()
    pace = Pace(clock)
    clock.now += 60
    assert [pace.rest(1) for _ in range(round(THICK_PER_SECOND))] == [0] * round(THICK_PER_SECOND)
