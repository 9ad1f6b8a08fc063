"""The log of an agent and its daemon: a line says whose it is, and a file does not grow without end."""

import json
import logging

import pytest

from cloudassist_agent import logs


@pytest.fixture(autouse=True)
def _the_log_as_it_was():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_without_a_file_it_goes_to_stderr_where_a_service_is_read(capsys):
    logs.configure("INFO", None, "web-1")
    logging.getLogger("x").info("hello")
    logging.getLogger("x").debug("not told")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith(": INFO/web-1] hello\n")
    assert said.err.count("\n") == 1


def test_a_file_is_begun_anew_when_it_is_large_and_five_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "FILE_BYTES", 1_000)
    file = tmp_path / "log" / "agent.log"
    logs.configure("INFO", file, "web-1")
    for number in range(200):
        logging.getLogger("x").info("line %d", number)
    names = sorted(path.name for path in file.parent.iterdir())
    assert names == ["agent.log", *(f"agent.log.{number}" for number in range(1, 6))]
    assert all(path.stat().st_size <= 1_000 for path in file.parent.iterdir())
    assert file.read_text().splitlines()[-1].endswith("line 199")


def test_as_json_each_line_says_whose_it_is(capsys):
    logs.configure("INFO", None, "AssistDaemon", {"instance_id": "web-1"})
    logging.getLogger("x").info("started %d\ntimes", 3)
    told = json.loads(capsys.readouterr().err)
    assert told.pop("time").endswith("Z")
    whose = {"process": "AssistDaemon", "instance_id": "web-1"}
    assert told == {"level": "INFO", "logger": "x", "message": "started 3\ntimes"} | whose


def test_the_daemon_has_a_file_of_its_own(tmp_path):
    assert logs.file_of_daemon(tmp_path / "agent.log") == tmp_path / "agent-daemon.log"
    assert logs.file_of_daemon(None) is None
