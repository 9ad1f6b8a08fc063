"""Secret values: which they are, and that only the instance they are for can open them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist import limits
from cloudassist.errors import MessageError
from cloudassist.keyring import AgreementKey, create_key
from cloudassist.orders import RECORD_ID_CHARACTERS, Order, Payload, Purpose
from cloudassist.secret_values import SEALED_CHARACTERS, SECRETS_BYTES, decrypt, encrypt, is_secret_name, new_key, seal
from support.data import table

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@pytest.mark.parametrize(("name", "expected"), table("secret_names"))
def test_which_names_say_that_they_are_secret(name, expected):
    assert is_secret_name(name, limits.SECRET_NAMES) is expected


@given(st.dictionaries(texts, texts, max_size=5))
def test_values_survive_the_way(values):
    key = new_key()
    assert decrypt("t-1", encrypt("t-1", values, key), key) == values


def test_nothing_of_them_is_seen_on_it():
    key = new_key()
    text = encrypt("t-1", {"password": "S3CRET"}, key)
    assert "S3CRET" not in text
    assert text != encrypt("t-1", {"password": "S3CRET"}, key)


@pytest.mark.parametrize("wrong", ["another run", "another key", "a changed text", "no text"])
def test_what_is_not_for_here_is_not_opened(wrong):
    key = new_key()
    text = encrypt("t-1", {"password": "S3CRET"}, key)
    run = "t-2" if wrong == "another run" else "t-1"
    text = {"a changed text": text[:-8] + "AAAAAAA=", "no text": "%"}.get(wrong, text)
    with pytest.raises(MessageError) as caught:
        decrypt(run, text, new_key() if wrong == "another key" else key)
    assert caught.value.reason == "bad-secrets"


@pytest.fixture
def instances(tmp_path):
    for name in ("web-1", "web-2"):
        create_key(tmp_path / name, "instance")
    return [AgreementKey.load(tmp_path / name, "instance") for name in ("web-1", "web-2")]


def test_only_the_instance_can_open_what_was_sealed_to_it(instances):
    one, other = instances
    key = new_key()
    sealed = seal(key, one.public)
    assert len(sealed) <= SEALED_CHARACTERS
    assert one.unseal(sealed) == key
    for opener, text in ((other, sealed), (one, sealed[:-8] + "AAAAAAA="), (one, ""), (one, "%")):
        with pytest.raises(MessageError) as caught:
            opener.unseal(text)
        assert caught.value.reason == "not-sealed-to-us"


def test_an_order_with_the_longest_names_and_a_sealed_key_fits(instances):
    record = "t-" + "x" * (RECORD_ID_CHARACTERS - 4) + ".w"
    order = Order(Purpose.RUN, record, 2**53, 2**53, 2**53, "payload:" + "x" * 32, "h" * 44, seal(new_key(), b"9" * 32))
    assert len(json.dumps(order.seal(_key()))) < 1_024


def test_the_largest_values_fit():
    largest = {f"p{number}": "\u0001" * 600 for number in range(20)}
    assert len(encrypt("t-1", largest, new_key())) < 2 * SECRETS_BYTES
    assert decrypt("t-1", encrypt("t-1", largest, key := new_key()), key) == largest


def test_a_payload_does_not_show_its_values():
    shown = repr(Payload("t-1", "c-1", "RunShellScript", "S3CRET", 60, {"a": "S3CRET"}, "S3CRET"))
    assert "S3CRET" not in shown


def _key():
    from cloudassist.keyring import SigningKey  # noqa: PLC0415 - used here alone

    return SigningKey.from_seed(b"1" * 32)
