"""A line of a log as JSON, and what it is about."""

import json
import logging
import sys

import pytest

from cloudassist.json_log import JsonFormatter

RUN = "t-0123456789abcdef"
RECORD = f"{RUN}.web-1"
OCCURRENCE = f"{RUN}@1795657625000"


def line(message, *args, always=None, exc_info=None):
    record = logging.LogRecord("a.b", logging.WARNING, __file__, 1, message, args, exc_info)
    record.created = 1_795_657_625.0129
    record.data = {"id": RECORD, "args": "in-the-arguments"}
    text = JsonFormatter(always).format(record)
    assert "\n" not in text
    return json.loads(text)


def test_what_every_line_has():
    assert line("%s of %d", "one", 3, always={"process": "agent"}) == {
        "time": "2026-11-26T01:47:05.012Z",
        "level": "WARNING",
        "logger": "a.b",
        "message": "one of 3",
        "process": "agent",
    }


@pytest.mark.parametrize(
    ("args", "about"),
    [
        ((RECORD, "gone"), {"invoke_id": RUN, "instance_id": "web-1", "record_id": RECORD}),
        (({"id": RECORD, "name": "cloudassist.run"},), {"invoke_id": RUN, "instance_id": "web-1", "record_id": RECORD}),
        ((f"{OCCURRENCE}.a.b",), {"invoke_id": OCCURRENCE, "instance_id": "a.b", "record_id": f"{OCCURRENCE}.a.b"}),
        ((OCCURRENCE,), {"invoke_id": OCCURRENCE}),
        ((RECORD, RECORD), {"invoke_id": RUN, "instance_id": "web-1", "record_id": RECORD}),
        ((RECORD, f"{RUN}.web-2"), {}),
        ((f"{RECORD}, {RUN}.web-2",), {}),
        (("t-1.web-1", 7, None), {}),
    ],
)
def test_a_line_that_names_one_record_or_run_is_about_it(args, about):
    told = line("%(id)s" if isinstance(args[0], dict) else "%s" * len(args), *args)
    assert {name: told[name] for name in told if name.endswith("_id")} == about


def test_whose_the_log_is_gives_way_to_whom_the_line_is_about():
    assert line("%s", f"{RUN}.web-2", always={"instance_id": "web-1"})["instance_id"] == "web-2"


def test_an_error_that_was_not_foreseen_has_its_traceback_in_the_same_line():
    try:
        json.loads("no\nway")
    except ValueError:
        told = line("broken", exc_info=sys.exc_info())
    assert told["message"] == "broken"
    assert told["traceback"].startswith("Traceback (most recent call last):\n")
