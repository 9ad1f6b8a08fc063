import sqlite3
import threading

import pytest

from cloudassist_agent.journal import Journal

BOOT = "boot"


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def test_a_record_begins_once(journal):
    assert journal.begin("r1", "web-1", BOOT, 5)
    assert not journal.begin("r1", "web-1", BOOT, 6)
    assert not journal.refuse("r1", "web-1", BOOT, 6, "{}")
    assert journal.refuse("r2", "web-1", BOOT, 6, "{}")
    assert not journal.begin("r2", "web-1", BOOT, 7)


def test_it_is_known_by_its_id_after_a_restart(tmp_path):
    first = Journal(tmp_path / "journal.db")
    first.begin("r1", "web-1", BOOT, 5)
    first.note_process("r1", 77, 99)
    first.refuse("r2", "web-1", BOOT, 6, "stopped")
    first.close()
    second = Journal(tmp_path / "journal.db")
    assert second.id == first.id
    assert not second.begin("r1", "web-1", BOOT, 5)
    (entry,) = second.unended()
    assert (entry.record_id, entry.pid, entry.pid_start, entry.boot, entry.start_time) == ("r1", 77, 99, BOOT, 5)
    assert [entry.report for entry in second.unsent(10)] == ["stopped"]
    second.close()


def test_reports_wait_until_they_are_sent_and_can_be_repeated(journal):
    for number in range(3):
        journal.begin(f"r{number}", "web-1", BOOT, number)
        journal.end(f"r{number}", f"report {number}")
    assert [entry.report for entry in journal.unsent(2)] == ["report 0", "report 1"]
    journal.mark_sent(["r0", "r1", "r2"])
    assert journal.unsent(10) == []
    journal.repeat("r1")
    journal.repeat("nobody")
    assert [entry.record_id for entry in journal.unsent(10)] == ["r1"]


def test_what_has_not_ended_is_not_repeated_and_not_forgotten(journal):
    journal.begin("running", "web-1", BOOT, 1)
    journal.refuse("unsent", "web-1", BOOT, 1, "x")
    journal.refuse("sent", "web-1", BOOT, 1, "x")
    journal.refuse("young", "web-1", BOOT, 100, "x")
    journal.mark_sent(["sent", "young"])
    journal.repeat("running")
    assert [entry.record_id for entry in journal.unsent(10)] == ["unsent"]
    assert journal.prune(50) == 1
    assert [journal.find(name) is None for name in ("running", "unsent", "sent", "young")] == [
        False,
        False,
        True,
        False,
    ]


def test_many_threads_begin_each_record_once(journal):
    """F86: the same order twice at the same moment."""
    won = []
    barrier = threading.Barrier(8)

    def begin():
        barrier.wait()
        won.extend(number for number in range(50) if journal.begin(f"r{number}", "web-1", BOOT, number))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(50))


def test_writers_that_wait_together_share_a_commit(journal):
    commits = []
    journal._connection.set_trace_callback(lambda statement: commits.append(statement == "COMMIT"))
    journal._writer.acquire()
    threads = [threading.Thread(target=journal.begin, args=(f"r{n}", "web-1", BOOT, n)) for n in range(10)]
    for thread in threads:
        thread.start()
    while len(journal._waiting) < 10:
        pass
    journal._writer.release()
    for thread in threads:
        thread.join()
    assert sum(commits) == 1
    assert len(journal.unended()) == 10


def test_a_failed_write_is_told_to_its_caller_and_harms_nobody_later(journal):
    journal.begin("r1", "web-1", BOOT, 1)
    with pytest.raises(sqlite3.Error):
        journal.begin("r2", None, BOOT, 1)
    assert journal.begin("r3", "web-1", BOOT, 1)
    assert {entry.record_id for entry in journal.unended()} == {"r1", "r3"}


def test_only_the_commit_point_waits_for_the_disk(journal):
    modes = []
    journal._connection.set_trace_callback(
        lambda statement: modes.append(statement) if "synchronous" in statement else None
    )
    journal.begin("r1", "web-1", BOOT, 1)
    assert modes == []
    journal.end("r1", "x")
    journal.mark_sent(["r1"])
    assert modes == ["PRAGMA synchronous = NORMAL"]
    journal.begin("r2", "web-1", BOOT, 1)
    assert modes[1:] == ["PRAGMA synchronous = FULL"]
