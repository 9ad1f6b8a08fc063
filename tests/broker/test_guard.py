import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils.json import loads

from cloudassist import limits
from cloudassist.errors import MessageError
from cloudassist.guard import check_item
from cloudassist.refusals import Refusals
from support.data import table
from support.malformed import GOOD, item

ROWS = table("malformed_messages")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def reason(queue, data):
    with pytest.raises(MessageError) as caught:
        check_item(queue, data)
    return caught.value.reason


def test_a_good_message_passes():
    # What is handed on is what kombu would have read.
    assert check_item("instance.web-1", json.dumps(GOOD).encode()) == loads(json.dumps(GOOD)) == GOOD


@pytest.mark.matrix("F50", "F52")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_a_malformed_message_is_refused(row):
    assert reason("instance.web-1", item(row)) == row["reason"]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if "task" in row.get("headers", {}) or "id" in row.get("headers", {})]
)
def test_a_stop_needs_no_task(row):
    check_item("control.web-1", item(row))
    assert reason("instance.web-1", item(row)) == row["reason"]


def test_other_malformed_bytes():
    assert reason("instance.web-1", b"\xff\xfe") == "not-json"
    assert reason("instance.web-1", json.dumps(GOOD).encode("utf-16")) == "not-json"
    assert reason("instance.web-1", b"[" * 100_000) == "not-json"
    assert reason("instance.web-1", b'{"a":' + b"1" * 5_000 + b"}") == "not-json"
    assert reason("instance.web-1", b" " * (limits.MESSAGE_BYTES + 1)) == "too-large"


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_order(data):
    assert reason("instance.web-1", data)


@given(part=st.sampled_from(["body", "headers", "properties", "content-type", "content-encoding"]), value=JSON)
def test_what_passes_is_what_kombu_can_take(part, value):
    data = json.dumps(GOOD | {part: value}).encode()
    try:
        check_item("control.web-1", data)
    except MessageError:
        return
    message = loads(data)
    assert isinstance(message["body"], str)
    assert isinstance(message["headers"], dict)
    assert isinstance(message["properties"]["delivery_info"], dict)
    assert isinstance(message["properties"]["delivery_tag"], str)


def test_refusals_are_counted_by_reason():
    refusals = Refusals()
    assert [refusals.count("a"), refusals.count("b"), refusals.count("a")] == [1, 1, 2]
    assert refusals.as_dict() == {"a": 2, "b": 1}
