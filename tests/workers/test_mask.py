"""Masking: no secret is ever in what is shown, however it comes."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudassist_agent.scripts.capture import Capture
from cloudassist_agent.scripts.mask import LINE_CHARACTERS, Mask

MASK = b"****"


def masked(values, pieces):
    mask = Mask(values)
    return b"".join([*(mask.feed(piece) for piece in pieces), mask.rest()])


def whole(values, data):
    """Return the data with the longest value taken out first where several begin at the same place."""
    known = sorted({value.encode() for value in values if value}, key=len, reverse=True)
    return re.sub(b"|".join(map(re.escape, known)) or b"(?!)", MASK, data)


letters = st.text("ab\n", max_size=6)


@given(st.lists(letters, max_size=3), st.lists(st.text("abc", max_size=4), max_size=12))
@example(["abc", "abcdef"], ["abc", "def"])
@example(["aa"], ["a", "a", "a"])
@example(["ab", "ba"], ["aba"])
def test_pieces_are_masked_as_the_whole(values, pieces):
    values = [value for value in values if "\n" not in value]
    data = [piece.encode() for piece in pieces]
    assert masked(values, data) == whole(values, b"".join(data))


@given(st.text(min_size=1), st.lists(st.binary(max_size=20), max_size=4), st.data())
def test_no_secret_is_shown_wherever_it_is_cut(secret, around, data):
    try:
        text = secret.encode()
    except UnicodeEncodeError:
        return
    stream = text.join([b"", *around, b""])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    shown = masked([secret], pieces)
    assert text in MASK * 2 or text not in shown.replace(MASK, b"\xff")


def test_the_lines_of_a_longer_value_are_masked_too():
    key = "-----BEGIN KEY-----\nabcdefgh\nij\n-----END KEY-----"
    shown = masked([key], [b"first abcdefgh, then ij, then -----END KEY-----"])
    assert shown == b"first ****, then ij, then ****"
    assert len("ij") < LINE_CHARACTERS


def test_what_could_be_a_beginning_is_held_back_and_given_in_the_end():
    mask = Mask(["secret"])
    assert mask.feed(b"my sec") == b"my "
    assert mask.feed(b"ond") == b"second"
    assert mask.feed(b"secre") == b""
    assert mask.rest() == b"secre"


@pytest.mark.parametrize("values", [[], [""]])
def test_nothing_is_masked_where_there_is_nothing_to_mask(values):
    assert masked(values, [b"all ", b"of it"]) == b"all of it"


def test_a_sentence_is_masked():
    assert Mask(["geheim", "ü"]).text("no file /geheim/ü") == "no file /****/****"


def test_what_is_kept_counted_and_followed_is_masked():
    capture = Capture(64, Mask(["secret"]))
    for piece in (b"a sec", b"ret, and a sec"):
        capture.feed(piece)
    assert capture.since(0, 100) == (0, b"a ****, and a ")
    capture.end()
    assert (capture.kept, capture.total, capture.dropped) == (b"a ****, and a sec", 17, 0)
