"""Requests packed by hand are those that redis-py packs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import Connection

from cloudassist.request import pack

WORDS = st.one_of(st.text(), st.binary(max_size=10_000), st.integers(), st.floats())
NAMES = st.sampled_from(["GET", "FCALL", "CLIENT LIST"])


@given(st.lists(st.tuples(NAMES, WORDS, WORDS), max_size=5))
def test_the_bytes_are_redis_pys(requests):
    assert pack(requests) == b"".join(Connection().pack_commands(requests))


def test_a_text_that_is_none_is_refused():
    with pytest.raises(UnicodeEncodeError):
        pack([("GET", "\ud800")])
