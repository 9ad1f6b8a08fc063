"""Text and environments as Windows takes them."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist_agent.scripts.wide import environment_at, environment_block, text_at, wide

TEXT = st.text(st.characters(exclude_characters="\0"), max_size=30)
NAMES = st.text(st.characters(exclude_characters="\0="), min_size=1, max_size=20)


@given(TEXT)
def test_a_text_survives_the_way(text):
    assert text_at(ctypes.addressof(wide(text))) == text


def test_a_text_is_two_bytes_a_character_and_two_for_its_end():
    assert wide("aé").raw == b"a\0\xe9\0\0\0"
    assert wide("").raw == b"\0\0"


def test_a_zero_would_end_a_text_early():
    with pytest.raises(ValueError, match="zero"):
        wide("root\0guest")


@given(st.dictionaries(NAMES, TEXT, max_size=8))
def test_an_environment_survives_the_way(variables):
    assert environment_at(ctypes.addressof(environment_block(variables))) == variables


def test_variables_are_sorted_by_their_names_whatever_their_case():
    block = environment_block({"b": "2", "A": "1", "C": "3=3"}).raw
    assert block == "A=1\0b=2\0C=3=3\0\0".encode("utf-16-le") + b"\0\0"
    assert environment_block({}).raw == b"\0\0\0\0"


def test_what_cmd_hides_in_an_environment_is_left_out():
    block = "=C:=C:\\windows\0A=1\0\0".encode("utf-16-le")
    assert environment_at(ctypes.addressof(ctypes.create_string_buffer(block))) == {"A": "1"}
