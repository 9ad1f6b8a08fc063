import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudassist import limits, messages
from cloudassist.errors import MessageError
from cloudassist.messages import FINAL_SEQUENCE, Kind, Registration, Report, with_output
from cloudassist.status import TERMINAL, InvocationStatus

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
MOMENT = st.none() | st.integers(0, 2**53)
REPORT = st.builds(
    Report,
    instance_id=st.from_regex(rf"\A{limits.INSTANCE_ID_PATTERN}\Z"),
    record_id=TEXT,
    sequence=st.integers(1, FINAL_SEQUENCE),
    status=st.sampled_from(sorted(TERMINAL)),
    start_time=MOMENT,
    finish_time=MOMENT,
    exit_code=st.none() | st.integers(-128, 255),
    error_code=TEXT,
    error_info=TEXT,
    output=st.binary(max_size=200),
    dropped=st.integers(0, 2**40),
    ended=st.integers(0, 1000),
)
REPORTED = Report("web-1", "t-1.web-1", FINAL_SEQUENCE, InvocationStatus.FAILED, output=b"hello")
STARTED = Report("web-1", "t-1.web-1", 1, InvocationStatus.RUNNING, start_time=5)
REGISTRATION = Registration("web-1", "key", "1.0", "Linux", "Debian", "host", "10.0.0.1", {"role": "web"})


@given(REPORT)
@example(replace(REPORTED, error_info='"output":""', error_code='\\"output":""'))
def test_a_report_that_was_encoded_without_its_output_gets_it_back(report):
    body = replace(report, output=b"").encode()
    assert with_output(body, report.output) == report.encode()
    assert with_output(body, None) == body


@given(REPORT)
def test_a_last_report_survives_the_way(report):
    assert messages.decode(report.encode()) == report
    assert report.kind is Kind.ENDED


def test_the_other_messages_survive_the_way():
    assert messages.decode(STARTED.encode()) == STARTED
    assert messages.decode(REGISTRATION.encode()) == REGISTRATION


def test_a_long_error_info_is_cut_where_it_is_made():
    report = Report("web-1", "t-1.web-1", 2, InvocationStatus.FAILED, error_info="x" * 1000)
    assert len(messages.decode(report.encode()).error_info) == limits.ERROR_INFO_CHARACTERS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"v": 9}, "unknown-schema"),
        ({"instance": "a b"}, "bad-field"),
        ({"instance": None}, "bad-field"),
        ({"record": 5}, "bad-field"),
        ({"record": "x" * 161}, "bad-field"),
        ({"record": "\ud800"}, "bad-field"),
        ({"sequence": 0}, "bad-field"),
        ({"sequence": True}, "bad-field"),
        ({"sequence": FINAL_SEQUENCE + 1}, "bad-field"),
        ({"status": "Stopping"}, "bad-field"),
        ({"status": "Odd"}, "bad-field"),
        ({"status": "Finished"}, "bad-field"),
        ({"kind": "ended"}, "bad-field"),
        ({"start_time": -1}, "bad-field"),
        ({"start_time": "soon"}, "bad-field"),
    ],
)
def test_a_malformed_report_says_why(change, reason):
    body = json.dumps(json.loads(STARTED.encode()) | change)
    with pytest.raises(MessageError) as caught:
        messages.decode(body)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "change",
    [
        {"tags": []},
        {"tags": {"a": 1}},
        {"tags": {"": "x"}},
        {"tags": {"\ud800": "x"}},
        {"tags": {"k" * 65: "x"}},
        {"tags": {"k": "v" * 129}},
        {"tags": {f"k{i}": "" for i in range(21)}},
        {"hostname": None},
        {"hostname": "h" * 256},
        {"public_key": 1},
    ],
)
def test_a_malformed_registration_is_refused(change):
    with pytest.raises(MessageError):
        messages.decode(json.dumps(json.loads(REGISTRATION.encode()) | change))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_order(data):
    with pytest.raises(MessageError):
        messages.decode(data)


def test_output_that_is_not_base64_is_refused():
    report = Report("web-1", "t-1.web-1", 2, InvocationStatus.FINISHED)
    with pytest.raises(MessageError):
        messages.decode(json.dumps(json.loads(report.encode()) | {"output": "%%%"}))


def test_a_message_that_is_too_large_is_refused_unread():
    with pytest.raises(MessageError) as caught:
        messages.decode(" " * (limits.MESSAGE_BYTES + 1))
    assert caught.value.reason == "too-large"


def test_deep_nesting_is_refused():
    with pytest.raises(MessageError) as caught:
        messages.decode("[" * 100_000)
    assert caught.value.reason == "not-json"
