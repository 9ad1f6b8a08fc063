"""The history of recurring runs: what is shown of it, and how much is kept."""

import pytest

from cloudassist.duties.retention import Retention
from cloudassist.errors import InvalidParameterError
from cloudassist.store import keys
from support.beating import Beat
from support.region import changed

BOTH = ["web-1", "web-2"]


def test_history_has_every_run_the_newest_first(assistant, recurring, beat, region):
    run = recurring()
    runs = []
    for _ in range(3):
        runs.append(beat.run(run.invoke_id))
        for name in BOTH:
            region.end(runs[-1], name)
    expected = [f"{each}.{name}" for each in reversed(runs) for name in BOTH]
    whole = assistant.describe_invocation_results(run.invoke_id, include_history=True, max_results=50)
    assert [result.record_id for result in whole] == expected
    by_page = assistant.describe_invocation_results(run.invoke_id, include_history=True, max_results=1)
    assert [result.record_id for result in by_page.all()] == expected
    numbered = assistant.describe_invocation_results(
        run.invoke_id, include_history=True, page_number=2, page_size=2, invoke_record_status="Finished"
    )
    assert [result.record_id for result in numbered] == expected[2:4]
    one = assistant.describe_invocation_results(run.invoke_id, instance_id="web-2", include_history=True, max_results=2)
    assert [result.record_id for result in one.all()] == [f"{each}.web-2" for each in reversed(runs)]
    newest = assistant.describe_invocation_results(instance_id="web-2")
    assert [result.record_id for result in newest] == [f"{runs[-1]}.web-2"]


def test_history_is_for_recurring_runs(assistant):
    once = assistant.run_command("date", instance_ids=BOTH)
    with pytest.raises(InvalidParameterError) as raised:
        assistant.describe_invocation_results(once.invoke_id, include_history=True)
    assert raised.value.code == "InvalidOperation.RepeatModeUnsupported"


def ended_runs(run, beat, region, count, output=b""):
    """Make runs that have ended on both instances."""
    found = []
    for _ in range(count):
        found.append(beat.run(run.invoke_id))
        for name in BOTH:
            region.end(found[-1], name, output=output)
    return found


def kept(assistant, run):
    history = assistant.describe_invocation_results(run.invoke_id, include_history=True, instance_id="web-1")
    return [result.record_id.removesuffix(".web-1") for result in history.all()]


def test_as_many_runs_are_kept_as_may_be(region, assistant, recurring):
    region.settings = changed(region.settings, history_runs=3)
    run = recurring()
    runs = ended_runs(run, Beat(region), region, 5)
    assert kept(assistant, run) == runs[:1:-1]
    Retention(region.ledger, region.settings).turn()
    assert not region.server.keys(f"*{runs[0]}*")
    assert len(region.server.keys(f"record:{runs[-1]}*")) == 2


def test_runs_go_where_their_output_takes_too_much_room(region, assistant, recurring, beat):
    run = recurring()
    runs = ended_runs(run, beat, region, 10, output=b"x" * 1_000)
    assert region.server.get(keys.HISTORY_BYTES) == "20000"
    settings = changed(region.settings, history_bytes=15_000)
    for left in (18_000, 16_000, 14_000, 14_000):
        Retention(region.ledger, settings).turn()
        assert region.server.get(keys.HISTORY_BYTES) == str(left)
    assert kept(assistant, run) == runs[:2:-1]


def test_runs_go_when_they_are_old(region, assistant, recurring, beat):
    run = recurring()
    old, new = ended_runs(run, beat, region, 2, output=b"x")
    region.server.zadd(keys.history(run.invoke_id), {old.partition("@")[2]: 1_000})
    Retention(region.ledger, region.settings).turn()
    assert kept(assistant, run) == [new]
    assert region.server.get(keys.HISTORY_BYTES) == "2"


def test_nothing_is_left_of_a_recurring_run_that_is_forgotten(region, recurring, beat):
    run = recurring()
    ended_runs(run, beat, region, 3, output=b"x")
    run.stop()
    region.server.zadd(keys.FINISHED, {run.invoke_id: 1})
    Retention(region.ledger, region.settings).turn()
    left = {name for name in region.server.keys("*") if run.invoke_id in name}
    assert {name.partition(":")[0] for name in left} <= {"claim"}
    assert region.server.get(keys.HISTORY_BYTES) == "0"


def test_a_run_that_is_being_forgotten_is_shown_without_its_instances(region, assistant, recurring):
    run = recurring()
    region.server.delete(keys.targets(run.invoke_id))
    (row,) = assistant.describe_invocations(invoke_id=run.invoke_id)
    assert row.invoke_instances == ()
    assert list(run.results()) == []
    run.stop()
    assert Beat(region).plan([f"{run.invoke_id}@1"]) == 0
