"""The key set: only the root can make one, and only what stands in it counts."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist.errors import MessageError
from cloudassist.keyring import SigningKey
from cloudassist.keyset import FOREVER_MS, KEY_SET_BYTES, SIGNING_KEYS, KeySet, Root, TrustedKey

ROOT_KEY = SigningKey.from_seed(b"r" * 32)
ROOT = Root(ROOT_KEY.public)
OLD, NEW = (SigningKey.from_seed(seed * 32) for seed in (b"1", b"2"))
KEYS = KeySet(7, b"x" * 32, (TrustedKey(OLD.public, not_after=2_000), TrustedKey(NEW.public, not_before=1_000)))


def reason(document, root=ROOT):
    with pytest.raises(MessageError) as caught:
        KeySet.open(document, root)
    return caught.value.reason


def test_a_key_set_survives_the_way():
    assert KeySet.open(KEYS.seal(ROOT_KEY), ROOT) == KEYS
    assert Root.parse(ROOT.format()) == ROOT


def test_a_full_key_set_fits():
    keys = tuple(TrustedKey(bytes([n]) * 32, FOREVER_MS - 1, FOREVER_MS) for n in range(SIGNING_KEYS))
    document = KeySet(FOREVER_MS, b"x" * 32, keys).seal(ROOT_KEY)
    assert len(document) < KEY_SET_BYTES
    assert len(KeySet.open(document, ROOT).signing) == SIGNING_KEYS


def test_only_the_root_can_make_one():
    assert reason(KEYS.seal(OLD)) == "bad-signature"
    assert reason(KEYS.seal(ROOT_KEY), Root(OLD.public)) == "bad-signature"


@given(st.data())
def test_no_character_can_be_changed(data):
    document = KEYS.seal(ROOT_KEY)
    index = data.draw(st.integers(0, len(document) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda found: found != document[index]))
    with contextlib.suppress(MessageError):
        # Base64 has more than one way to write the same bytes.
        assert KeySet.open(document[:index] + character + document[index + 1 :], ROOT) == KEYS


@given(st.binary() | st.text())
def test_whatever_comes_is_refused(document):
    assert reason(document)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"v": 2}, "unknown-schema"),
        ({"version": 0}, "bad-field"),
        ({"version": "7"}, "bad-field"),
        ({"report": "x"}, "bad-key"),
        ({"report": None}, "bad-field"),
        ({"signing": []}, "bad-field"),
        ({"signing": {}}, "bad-field"),
        ({"signing": [["x", 0, 1]]}, "bad-key"),
        ({"signing": [["A" * 43, 0]]}, "bad-field"),
        ({"signing": [["A" * 43, -1, 1]]}, "bad-field"),
        ({"signing": [["A" * 43, 0, 1]] * (SIGNING_KEYS + 1)}, "bad-field"),
    ],
)
def test_even_a_signed_one_must_have_its_fields(changes, expected):
    content = json.loads(json.loads(KEYS.seal(ROOT_KEY))[1]) | changes
    assert reason(signed(json.dumps(content))) == expected


def signed(payload):
    signature = base64.b64encode(ROOT_KEY.sign(b"cloudassist/key-set/v1\0" + payload.encode())).decode()
    return json.dumps([signature, payload])


@pytest.mark.parametrize(
    ("key", "now", "expected"),
    [
        (OLD, 0, ""),
        (OLD, 1_999, ""),
        (OLD, 2_000, "key-not-valid"),
        (NEW, 999, "key-not-valid"),
        (NEW, 1_000, ""),
        (ROOT_KEY, 1_500, "unknown-key"),
    ],
)
def test_a_key_counts_in_its_time(key, now, expected):
    if not expected:
        KEYS.verify(key.kid, key.sign(b"data"), b"data", now)
        return
    with pytest.raises(MessageError) as caught:
        KEYS.verify(key.kid, key.sign(b"data"), b"data", now)
    assert caught.value.reason == expected


def test_one_key_does_not_speak_for_another():
    with pytest.raises(MessageError) as caught:
        KEYS.verify(OLD.kid, NEW.sign(b"data"), b"data", 1_500)
    assert caught.value.reason == "bad-signature"
