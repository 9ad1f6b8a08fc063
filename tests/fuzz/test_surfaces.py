"""Every surface with inputs of all sorts: what was made up, and what is genuine but for some change.

``make test`` tries a few hundred each, ``make soak`` a hundred thousand in all, and counts them.
"""

import json
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.surfaces import SURFACES, feed

TRIED: Counter[str] = Counter()
SOAKED = 100_000
"""Inputs that `make soak` tries, the fewest."""

made_up = (
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode(errors="replace"))
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode())
)
ODD = (
    b"null",
    b"-1",
    b"1e400",
    b"[]",
    b"{}",
    b'"\\ud800"',
    b"[" * 500,
    b"9" * 400,
    b"\x00",
    b"\xff",
    b"__type__",
    b"true",
)


@st.composite
def changed(draw, genuine):
    """Something genuine with up to four changes: a byte, a piece more, less, twice, or exchanged for something odd."""
    data = draw(st.sampled_from(genuine))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from(ODD)
            | st.just(data[start:end] * 2)
            | st.just(b"")
            | st.text(max_size=4).map(lambda text: text.encode(errors="replace"))
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("name", SURFACES)
def test_nothing_comes_of_it(name):
    @given(made_up | changed(SURFACES[name].genuine))
    def tried(data):
        TRIED[name] += 1
        feed(name, data)

    for genuine in SURFACES[name].genuine:
        feed(name, genuine)
    tried()


def test_so_many_were_tried(capsys):
    """Runs last; says how many, where it was a soak."""
    if settings.get_current_profile_name() != "soak":
        assert not TRIED or min(TRIED.values()) > 0
        return
    rows = [*TRIED.items(), ("in all", sum(TRIED.values()))]
    with capsys.disabled():
        sys.stdout.writelines(f"\n{name:12} {count:8,}" for name, count in rows)
    assert set(TRIED) == set(SURFACES)
    assert sum(TRIED.values()) >= SOAKED
