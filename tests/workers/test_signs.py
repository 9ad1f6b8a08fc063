import time

import pytest

from cloudassist_agent import signs
from cloudassist_agent.signs import Signs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "signs"


def left(path):
    """Return how many seconds each thread has left."""
    return {heard.name: round(heard.deadline - time.monotonic()) for heard in signs.read(path)}


def test_promises_can_be_read_from_outside(path):
    ours = Signs(path, scripts=2, margin=60)
    assert left(path) == {}
    ours.of("main").promise()
    ours.of("sender").promise(30)
    assert left(path) == {"main": 60, "sender": 90}


def test_a_script_has_a_sign_while_it_is_in_hand(path):
    ours = Signs(path, scripts=2, margin=60)
    with ours.during("t-1.web-1") as one, ours.during("t-2.web-1"):
        one.promise(5)
        assert left(path) == {"t-1.web-1": 65, "t-2.web-1": 60}
        assert all(heard.runs_script for heard in signs.read(path))
    assert left(path) == {}
    with ours.during("t-3.web-1"), ours.during("t-4.web-1"):
        assert left(path).keys() == {"t-3.web-1", "t-4.web-1"}


def test_a_promise_for_ever_is_no_promise(path):
    sign = Signs(path, scripts=0, margin=60).of("presence")
    sign.promise(signs.NEVER)
    assert left(path) == {}


def test_the_signs_of_an_earlier_agent_are_gone(path):
    Signs(path, scripts=1, margin=60).of("main")
    Signs(path, scripts=1, margin=60)
    assert left(path) == {}


def test_a_record_with_the_longest_name(path):
    record = "t-" + "1" * 32 + "." + "x" * 64
    with Signs(path, scripts=1, margin=60).during(record):
        assert left(path) == {record: 60}


def test_without_a_file_there_is_nothing_to_read(path):
    with pytest.raises(OSError, match="signs"):
        signs.read(path)
