"""Warrants: what a producer has signed of a run, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist.errors import MessageError
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet, TrustedKey
from cloudassist.orders import Order, Purpose
from cloudassist.warrant import Warrant, covers, digest

KEY = SigningKey.from_seed(b"1" * 32)
KEYS = KeySet(1, b"r" * 32, (TrustedKey(KEY.public),))
WARRANT = Warrant("t-1", "hash", digest(["web-1", "web-2"]), 1_000, "rate(10s)", "UTC", 5, 10_000)


def reason(sealed):
    with pytest.raises(MessageError) as caught:
        Warrant.open(sealed, KEYS, 0)
    return caught.value.reason


def test_a_warrant_survives_the_way():
    assert Warrant.open(WARRANT.seal(KEY), KEYS, 0) == WARRANT


def test_an_order_is_no_warrant_and_a_warrant_no_order():
    order = Order(Purpose.RUN, "t-1.web-1", 0, 2_000)
    assert reason(json.dumps(order.seal(KEY))) == "bad-signature"
    with pytest.raises(MessageError) as caught:
        Order.open(Purpose.RUN, json.loads(WARRANT.seal(KEY)), KEYS, 0)
    assert caught.value.reason == "bad-signature"


@given(st.text())
def test_whatever_comes_is_refused(sealed):
    assert reason(sealed) in {"not-json", "not-an-array", "bad-envelope"}


@given(st.data())
def test_no_character_can_be_changed(data):
    kid, signature, payload = json.loads(WARRANT.seal(KEY))
    index = data.draw(st.integers(0, len(payload) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda found: found != payload[index]))
    changed = payload[:index] + character + payload[index + 1 :]
    assert reason(json.dumps([kid, signature, changed])) == "bad-signature"


@pytest.mark.parametrize(
    ("one", "other"), [([], [""]), (["a"], ["b"]), (["a", "b"], ["b", "a"]), (["a", "b"], ["a"]), (["ab"], ["a", "b"])]
)
def test_other_instances_have_another_digest(one, other):
    assert digest(one) != digest(other) or one == [] == [name for name in other if name]


def test_it_covers_what_it_says():
    covers(WARRANT, payload_hash="hash", invoke_id="t-1")
    with pytest.raises(MessageError) as caught:
        covers(WARRANT, payload_hash="other")
    assert caught.value.reason == "not-warranted"
