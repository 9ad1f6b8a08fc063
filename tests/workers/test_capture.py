from hypothesis import given
from hypothesis import strategies as st

from cloudassist_agent.scripts.capture import Capture

LIMIT = 20


@given(st.lists(st.binary(max_size=70)))
def test_head_and_tail_are_kept_and_the_rest_is_counted(pieces):
    everything = b"".join(pieces)
    capture = Capture(LIMIT)
    for piece in pieces:
        capture.feed(piece)
    assert len(capture.kept) == min(len(everything), LIMIT)
    assert len(capture.kept) + capture.dropped == len(everything)
    if len(everything) <= LIMIT:
        assert capture.kept == everything
    else:
        assert capture.kept == everything[: LIMIT // 2] + everything[-LIMIT // 2 :]


def test_memory_stays_bounded():
    capture = Capture(LIMIT)
    for _ in range(10_000):
        capture.feed(b"x" * 1_000)
    assert len(capture._tail) <= 4 * LIMIT + 1_000
    assert capture.dropped == 10_000_000 - LIMIT
