"""The exchange's messages: what a code is good for, what a request proves, and what an answer may be."""

import json

import pytest

from cloudassist import enrolment, petition
from cloudassist.activation import ActivationCode, is_activation_id, new_activation_id
from cloudassist.enrolment import Cause, Enrolled, EnrolmentRequest, SealedRequest, decode_answer, encode_answer
from cloudassist.errors import ConfigurationError, MessageError
from cloudassist.keyring import KEY_BYTES, encode_key
from cloudassist.keyset import Root
from cloudassist.petition import Petition, Wish

ROOT = Root(b"r" * KEY_BYTES)
CODE = ActivationCode(ROOT, b"c" * KEY_BYTES)
OTHER = ActivationCode(ROOT, b"o" * KEY_BYTES)
ID = "1E4F2C7A-3F0B-4B77-9C0D-0A1B2C3D4E5F"
REQUEST = EnrolmentRequest(
    token="0" * 32, expires=5, public_key=encode_key(b"p" * KEY_BYTES), name="web-1", hostname="h", machine_id="m"
)
ANSWER = Enrolled(instance_id="web-1", epoch=3, password="sealed", tags={"a": "b"}, remote_control=True)
PETITION = Petition("0" * 32, Wish.MODIFY_INSTANCE, "web-1", json.dumps(["a"] * 10), {"name": "n"})


def sealed(request=REQUEST, activation_id=ID, code=CODE):
    return request.seal(activation_id, code.key).encode()


def test_no_two_codes_are_the_same():
    assert ActivationCode.new(ROOT).format() != ActivationCode.new(ROOT).format()


def test_a_code_is_read_as_it_was_written_and_says_whom_to_trust():
    again = ActivationCode.parse(f" {CODE.format()}\n")
    assert again == CODE
    assert again.root == ROOT
    assert (again.verifier, again.password) == (CODE.verifier, CODE.password)
    assert CODE.format() not in repr(CODE)


@pytest.mark.parametrize(
    "text",
    ["", "a-", "a-x", CODE.format()[:-3], CODE.format()[2:], CODE.format() + "AAAA", "b-" + CODE.format()[2:], "ä"],
)
def test_what_is_no_whole_code_is_refused_without_being_shown(text):
    with pytest.raises(ConfigurationError) as caught:
        ActivationCode.parse(text)
    assert not text or text not in caught.value.message


def test_what_the_server_keeps_of_a_code_is_neither_its_secret_nor_what_lets_a_machine_in():
    kept = CODE.verifier + CODE.password_digest
    assert CODE.format()[2:20] not in kept
    assert CODE.password not in kept
    assert {CODE.verifier, CODE.password}.isdisjoint({OTHER.verifier, OTHER.password})


@pytest.mark.parametrize(
    ("value", "is_it"), [(ID, True), (ID.lower(), False), ("*", False), (f"{ID}*", False), (1, False)]
)
def test_what_can_name_an_activation_holds_no_pattern(value, is_it):
    assert is_activation_id(value) is is_it
    assert is_activation_id(new_activation_id())


def test_a_request_is_read_by_what_the_server_keeps():
    found = SealedRequest.parse(sealed())
    assert found.activation_id == ID
    assert found.open(CODE.verifier) == REQUEST


def test_the_code_is_not_in_a_request():
    document = sealed().decode()
    assert CODE.format()[2:] not in document
    assert CODE.password not in document


def tampered():
    activation_id, signature, payload = json.loads(sealed())
    yield "another name", [activation_id, signature, payload.replace("web-1", "web-2")]
    yield "another key", [activation_id, signature, payload.replace(REQUEST.public_key[:4], "AAAA")]
    yield "a later end", [activation_id, signature, payload.replace('"expires":5', '"expires":6')]
    yield "another activation", [ID.replace("1", "2"), signature, payload]
    yield "another code", json.loads(sealed(code=OTHER))
    yield "no signature", [activation_id, "", payload]
    yield "no activation", ["*", signature, payload]
    yield "no list", {"a": 1}
    yield "too few parts", [activation_id, signature]


@pytest.mark.parametrize(
    ("what", "document"), list(tampered()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_was_changed_or_is_none_is_refused(what, document):
    with pytest.raises(MessageError):
        SealedRequest.parse(json.dumps(document).encode()).open(CODE.verifier)


@pytest.mark.parametrize(
    "change",
    [
        {"token": "*"},
        {"token": "0" * 31},
        {"token": "G" * 32},
        {"public_key": "short"},
        {"expires": "5"},
        {"expires": -1},
        {"name": "n" * 256},
        {"machine_id": 7},
        {"hostname": "\ud800"},
        {"v": 2},
    ],
    ids=str,
)
def test_a_signed_request_is_read_with_care(change):
    content = json.loads(json.loads(sealed())[2]) | change
    with pytest.raises(MessageError):
        EnrolmentRequest.decode(json.dumps(content).encode())


def test_a_request_that_is_too_long_is_refused_unread():
    with pytest.raises(MessageError, match="too-large"):
        SealedRequest.parse(b" " * (enrolment.REQUEST_BYTES + 1))


@pytest.mark.parametrize("answer", [ANSWER, *Cause], ids=str)
def test_an_answer_is_read_as_it_was_written(answer):
    assert decode_answer(encode_answer(answer).encode()) == answer


@pytest.mark.parametrize(
    "change",
    [{"instance_id": "*"}, {"epoch": -1}, {"password": 1}, {"tags": {"a": 1}}, {"refused": "Bored"}, {"v": 0}],
    ids=str,
)
def test_an_answer_is_read_with_care(change):
    with pytest.raises(MessageError):
        decode_answer(json.dumps(json.loads(encode_answer(ANSWER)) | change).encode())


def test_each_cause_has_words_of_its_own():
    assert set(enrolment.MEANINGS) == set(Cause)
    assert len(set(enrolment.MEANINGS.values())) == len(Cause)


def test_a_petition_is_read_as_it_was_written():
    assert Petition.decode(PETITION.encode().encode()) == PETITION


@pytest.mark.parametrize(
    ("index", "value"),
    [(0, "*"), (1, "Everything"), (2, 5), (3, "[]"), (3, "{}"), (3, "[1]"), (4, {"name": 1}), (4, [])],
)
def test_a_petition_is_read_with_care(index, value):
    parts = json.loads(PETITION.encode())
    parts[index] = value
    with pytest.raises(MessageError):
        Petition.decode(json.dumps(parts).encode())


def test_a_petition_that_is_too_long_is_refused_unread():
    with pytest.raises(MessageError, match="too-large"):
        Petition.decode(b" " * (petition.PETITION_BYTES + 1))
