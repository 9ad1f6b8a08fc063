"""The journal: what is on disk, and what happens when the disk or the file is not well."""

import logging
import os
import sqlite3
import subprocess
import threading
from dataclasses import replace

import pytest

from cloudassist.messages import decode
from cloudassist.status import InvocationStatus
from cloudassist_agent.executor import Outcome
from cloudassist_agent.journal.journal import Journal, JournalError
from cloudassist_agent.upstream import report
from support.disks import fill, needs_mount, small_disk

BOOT = "boot"
LATER = 10**9


def begin(journal, record_id, at=1, expires=LATER):
    return journal.begin(record_id, record_id.partition(".")[2], BOOT, at, expires)


def last(record_id, output=b"out \xff"):
    outcome = Outcome(InvocationStatus.FINISHED, 1.0, 0, output=output)
    return report.ended(record_id, outcome, at=5, start_time=1)


def refuse(journal, record_id, at=6, expires=LATER):
    return journal.refuse(BOOT, at, expires, last(record_id))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path):
    journal = Journal(path)
    yield journal
    journal.close()


def test_a_record_begins_once(journal):
    assert begin(journal, "t-1.a", 5)
    assert not begin(journal, "t-1.a", 6)
    assert not refuse(journal, "t-1.a")
    assert refuse(journal, "t-1.b")
    assert not begin(journal, "t-1.b")


def test_it_is_known_by_its_id_after_a_restart(path):
    first = Journal(path)
    begin(first, "t-1.a", 5)
    first.note_process("t-1.a", 77, 99)
    refuse(first, "t-1.b")
    first.close()
    second = Journal(path)
    assert second.id == first.id
    assert second.former == ()
    assert not begin(second, "t-1.a")
    (entry,) = second.unended()
    assert (entry.record_id, entry.pid, entry.pid_start, entry.boot, entry.start_time) == ("t-1.a", 77, 99, BOOT, 5)
    assert [decode(entry.body) for entry in second.unsent(10)] == [last("t-1.b")]
    second.close()


def test_reports_wait_until_they_are_sent_and_can_be_repeated(journal):
    for number in range(3):
        begin(journal, f"t-{number}.a", number)
        journal.end(last(f"t-{number}.a"))
    assert [decode(entry.body) for entry in journal.unsent(2)] == [last("t-0.a"), last("t-1.a")]
    journal.mark_sent(["t-0.a", "t-1.a", "t-2.a"])
    assert journal.unsent(10) == []
    journal.repeat("t-1.a")
    journal.repeat("t-9.a")
    assert [decode(entry.body) for entry in journal.unsent(10)] == [last("t-1.a")]


def test_what_has_not_ended_or_was_not_sent_is_never_forgotten(journal):
    begin(journal, "t-1.running")
    refuse(journal, "t-1.unsent", at=1, expires=2)
    refuse(journal, "t-1.sent", at=1, expires=2)
    refuse(journal, "t-1.young", at=100, expires=2)
    # A copy of its order could still come: without its row it would run again.
    refuse(journal, "t-1.valid", at=1)
    journal.mark_sent(["t-1.sent", "t-1.young", "t-1.valid"])
    assert journal.prune(now=150, keep_ms=100, most_bytes=LATER) == 1
    left = [name for name in ("running", "unsent", "sent", "young", "valid") if journal.find(f"t-1.{name}")]
    assert left == ["running", "unsent", "young", "valid"]


def test_a_journal_that_is_too_large_gives_up_the_oldest_output_but_no_record(journal):
    for number in range(300):
        journal.refuse(BOOT, number, LATER, last(f"t-{number:03}.a", os.urandom(20_000)))
    journal.mark_sent([f"t-{number:03}.a" for number in range(299)])
    journal.prune(now=1_000, keep_ms=0, most_bytes=3_000_000)
    kept = [bool(journal.find(f"t-{number:03}.a").report.output) for number in range(300)]
    assert not kept[0]
    assert kept[298:] == [True, True]
    assert sum(kept) * 20_000 < 3_000_000
    stripped = journal.find("t-000.a").report
    assert replace(stripped, output=b"") == replace(last("t-000.a"), output=b"")


@pytest.mark.matrix("F86")
def test_many_threads_begin_each_record_once(journal):
    """The same order twice at the same moment."""
    won = []
    barrier = threading.Barrier(8)

    def compete():
        barrier.wait()
        won.extend(number for number in range(50) if begin(journal, f"t-{number}.a"))

    threads = [threading.Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(50))


def test_writers_that_wait_together_share_a_commit(journal):
    commits = []
    journal._connection.set_trace_callback(lambda statement: commits.append(statement == "COMMIT"))
    journal._writer.way.acquire()
    threads = [threading.Thread(target=begin, args=(journal, f"t-{number}.a")) for number in range(10)]
    for thread in threads:
        thread.start()
    while len(journal._writer._waiting) < 10:
        pass
    journal._writer.way.release()
    for thread in threads:
        thread.join()
    assert sum(commits) == 1
    assert len(journal.unended()) == 10


def test_a_failed_write_is_told_to_its_caller_and_harms_nobody_later(journal):
    begin(journal, "t-1.a")
    with pytest.raises(JournalError):
        journal.begin("t-2.a", None, BOOT, 1, LATER)
    assert begin(journal, "t-3.a")
    assert {entry.record_id for entry in journal.unended()} == {"t-1.a", "t-3.a"}


def test_only_the_commit_point_waits_for_the_disk(journal):
    modes = []
    journal._connection.set_trace_callback(
        lambda statement: modes.append(statement) if "synchronous" in statement else None
    )
    begin(journal, "t-1.a")
    assert modes == []
    journal.end(last("t-1.a"))
    journal.mark_sent(["t-1.a"])
    assert modes == ["PRAGMA synchronous = NORMAL"]
    begin(journal, "t-2.a")
    assert modes[1:] == ["PRAGMA synchronous = FULL"]


def overwrite(path):
    path.write_bytes(b"no database at all" * 1_000)


def flip_a_page(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = os.urandom(64)
    path.write_bytes(data)


def age(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()


@pytest.mark.matrix("F37")
@pytest.mark.parametrize("damage", [overwrite, flip_a_page, age, lambda path: path.unlink()])
def test_a_journal_that_cannot_be_read_is_set_aside_with_a_loud_log(path, caplog, damage):
    first = Journal(path)
    for number in range(50):
        begin(first, f"t-{number}.a")
    first.close()
    damage(path)
    with caplog.at_level(logging.CRITICAL):
        second = Journal(path)
    assert str(path) in caplog.text
    assert "begun" in caplog.text
    assert second.id != first.id
    assert second.former == (first.id,)
    assert second.unended() == []
    assert begin(second, "t-1.a")
    second.close()
    third = Journal(path)
    assert (third.id, third.former) == (second.id, (first.id,))
    third.close()


def test_a_lost_file_of_ids_leaves_what_is_known(path, caplog):
    first = Journal(path)
    begin(first, "t-1.a")
    first.close()
    path.with_suffix(".ids").write_text("{")
    with caplog.at_level(logging.CRITICAL):
        second = Journal(path)
    assert second.id != first.id
    assert not begin(second, "t-1.a")
    second.close()


@pytest.mark.matrix("F35")
@needs_mount
def test_a_full_disk_is_an_error_and_the_journal_is_well_again_afterwards(tmp_path):
    with small_disk(tmp_path / "disk", "size=512k") as disk:
        journal = Journal(disk / "journal.db")
        assert begin(journal, "t-0.a")
        filler = fill(disk)
        failed = []
        for number in range(1, 200):
            try:
                begin(journal, f"t-{number}.a")
            except JournalError as error:
                failed.append(str(error))
        assert failed
        assert "full" in failed[0]
        assert str(disk / "journal.db") in failed[0]
        filler.unlink()
        assert begin(journal, "t-999.a")
        assert journal.find("t-0.a") is not None
        journal.close()
        assert Journal(disk / "journal.db").find("t-999.a") is not None


@needs_mount
def test_a_journal_on_a_disk_that_is_full_from_the_start_cannot_be_opened(tmp_path):
    with small_disk(tmp_path / "disk", "size=64k") as disk:
        fill(disk)
        with pytest.raises(JournalError) as caught:
            Journal(disk / "journal.db")
        assert str(disk) in str(caught.value)


@needs_mount
def test_a_journal_on_a_read_only_disk_says_so(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        Journal(disk / "journal.db").close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(JournalError) as caught:
            begin(Journal(disk / "journal.db"), "t-1.a")
        assert str(disk / "journal.db") in str(caught.value)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert begin(Journal(disk / "journal.db"), "t-1.a")
