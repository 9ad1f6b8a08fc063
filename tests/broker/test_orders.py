import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist import orders
from cloudassist.errors import MessageError
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet, TrustedKey
from cloudassist.orders import Order, Payload, Purpose, expiry, payload_hash

KEY = SigningKey.from_seed(b"1" * 32)
OTHER = SigningKey.from_seed(b"2" * 32)
KEYS = KeySet(1, b"r" * 32, (TrustedKey(KEY.public),))
NOW = 1_500
ORDER = Order(
    Purpose.RUN,
    "t-0123456789abcdef.web-1",
    epoch=3,
    expires=2_000,
    start_by=1_000,
    payload_key="payload:x",
    payload_hash="0" * 64,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def reason(purpose, envelope):
    with pytest.raises(MessageError) as caught:
        Order.open(purpose, envelope, KEYS, NOW)
    return caught.value.reason


def test_an_order_survives_the_way():
    envelope = json.loads(json.dumps(ORDER.seal(KEY)))
    assert Order.open(Purpose.RUN, envelope, KEYS, NOW) == ORDER
    assert len(json.dumps(envelope)) < 400


def test_a_run_is_never_a_stop():
    assert reason(Purpose.STOP, ORDER.seal(KEY)) == "bad-signature"


def test_a_stranger_cannot_order():
    assert reason(Purpose.RUN, ORDER.seal(OTHER)) == "unknown-key"
    _, signature, payload = ORDER.seal(OTHER)
    assert reason(Purpose.RUN, [KEY.kid, signature, payload]) == "bad-signature"


@given(st.data())
def test_no_character_of_the_payload_can_be_changed(data):
    kid, signature, payload = ORDER.seal(KEY)
    index = data.draw(st.integers(0, len(payload) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda found: found != payload[index]))
    changed = payload[:index] + character + payload[index + 1 :]
    assert reason(Purpose.RUN, [kid, signature, changed]) == "bad-signature"


@given(JSON)
def test_whatever_comes_is_refused_and_nothing_else_happens(envelope):
    assert reason(Purpose.RUN, envelope) in {"bad-envelope", "unknown-key", "bad-signature"}


@given(st.lists(st.text(), min_size=3, max_size=3))
def test_whatever_three_texts_come_are_refused(envelope):
    assert reason(Purpose.RUN, [KEY.kid, *envelope[1:]]) in {"bad-envelope", "bad-signature"}


@pytest.mark.parametrize(
    ("index", "value", "expected"),
    [
        (0, 3, "unknown-schema"),
        (0, 0, "unknown-schema"),
        (0, True, "unknown-schema"),
        (0, None, "unknown-schema"),
        (1, None, "bad-field"),
        (1, "t-1", "bad-record-id"),
        (1, "x-1.web-1", "bad-record-id"),
        (1, "t-1.", "bad-record-id"),
        (2, "3", "bad-field"),
        (2, True, "bad-field"),
        (3, -1, "bad-field"),
        (4, 1.5, "bad-field"),
        (5, "x" * 200, "bad-field"),
    ],
)
def test_even_a_signed_order_must_have_its_fields(index, value, expected):
    content = json.loads(ORDER.seal(KEY)[2])
    content[index] = value
    assert reason(Purpose.RUN, signed(json.dumps(content))) == expected


@pytest.mark.parametrize(
    ("payload", "expected"), [("[]", "unknown-schema"), ("[1]", "bad-field"), ("{}", "not-an-array"), ("x", "not-json")]
)
def test_even_a_signed_order_must_be_one(payload, expected):
    assert reason(Purpose.RUN, signed(payload)) == expected


def signed(payload):
    signature = KEY.sign(b"cloudassist/run/v1\0" + payload.encode())
    return [KEY.kid, base64.b64encode(signature).decode(), payload]


@given(
    st.builds(
        Payload,
        invoke_id=st.text(max_size=30),
        command_id=st.text(max_size=30),
        type=st.text(max_size=30),
        content=st.text(st.characters(exclude_categories=["Cs"]), max_size=500),
        timeout=st.integers(1, 86_400),
        parameters=st.none() | st.dictionaries(st.text(max_size=10), st.text(max_size=30), max_size=5),
        working_dir=st.text(max_size=30),
        username=st.text(max_size=30),
        windows_password_name=st.text(max_size=30),
        region=st.text(max_size=30),
    )
)
def test_a_payload_survives_the_way_unless_it_is_touched(payload):
    try:
        data = payload.encode()
    except UnicodeEncodeError:
        return
    assert Payload.decode(data, payload_hash(data)) == payload
    with pytest.raises(MessageError) as caught:
        Payload.decode(data + b" ", payload_hash(data))
    assert caught.value.reason == "bad-payload-hash"


def test_the_largest_payload_fits():
    biggest = Payload("t", "c", "RunShellScript", '"\u0001' * 6_000, 60, {f"p{i}": "\u0001" * 600 for i in range(20)})
    assert len(biggest.encode()) <= orders.PAYLOAD_BYTES


def test_an_order_is_worth_reading_past_all_that_its_script_may_take():
    assert expiry(1_000_000, 500_000, 60) == 1_000_000 + 60_000 + 600_000
    assert expiry(1_000_000, 2_000_000, 60) == 2_000_000 + 60_000 + 600_000
