"""Recurring runs, on a real server, with beat and dispatch by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from cloudassist import InvokeStatus
from cloudassist.errors import CloudAssistError, InvalidParameterError
from cloudassist.rollup import DetailInvokeStatus
from cloudassist.status import InvocationStatus
from cloudassist.store import keys, schedules
from cloudassist_beat.calendar import Calendar
from support.beating import Beat
from support.region import changed

RUNNING, STOPPING, STOPPED = InvocationStatus.RUNNING, InvocationStatus.STOPPING, InvocationStatus.STOPPED
BOTH = ["web-1", "web-2"]


def row_of(assistant, run):
    (row,) = assistant.describe_invocations(invoke_id=run.invoke_id)
    return row


def statuses(assistant, run):
    return {each.instance_id: each.status for each in row_of(assistant, run).invoke_instances}


def in_future(**delta):
    return (datetime.now(UTC) + timedelta(**delta)).strftime("%Y-%m-%d %H:%M:%S")


def test_nothing_runs_before_the_first_interval_is_over(assistant, recurring, beat):
    run = recurring()
    assert beat.claim() == []
    row = row_of(assistant, run)
    assert (row.status, row.detail_status) == (InvokeStatus.RUNNING, DetailInvokeStatus.SCHEDULED)
    assert (row.frequency, row.repeat_mode, row.timed) == ("rate(10s)", "Period", True)
    assert row.next_time - row.creation_time == timedelta(seconds=10)
    assert [(each.status, each.detail_status, each.repeats) for each in row.invoke_instances] == [
        (RUNNING, "Scheduled", 0)
    ] * 2
    assert list(run.results()) == []


def test_a_run_has_records_and_the_instance_stays_running(assistant, recurring, beat, region):
    run = recurring()
    occurrence = beat.run(run.invoke_id)
    assert row_of(assistant, run).detail_status == DetailInvokeStatus.RUNNING
    for name in BOTH:
        assert region.server.llen(f"instance.{name}") == 1
        region.start(occurrence, name)
    region.end(occurrence, "web-1")
    region.end(occurrence, "web-2", exit_code=3)
    row = row_of(assistant, run)
    assert (row.status, row.detail_status, row.runs) == (InvokeStatus.RUNNING, DetailInvokeStatus.SCHEDULED, 1)
    assert statuses(assistant, run) == dict.fromkeys(BOTH, RUNNING)
    results = list(run.results())
    assert [(each.instance_id, each.status, each.exit_code) for each in results] == [
        ("web-1", InvocationStatus.FINISHED, 0),
        ("web-2", InvocationStatus.FINISHED, 3),
    ]
    assert results[0].record_id == f"{occurrence}.web-1"
    assert results[0].invoke_id == run.invoke_id
    assert [each.repeats for each in row.invoke_instances] == [1, 1]


def test_the_grid_is_kept(assistant, recurring, beat):
    run = recurring()
    begun = row_of(assistant, run).next_time
    beat.come(run.invoke_id, 13)
    assert row_of(assistant, run).next_time == begun + timedelta(seconds=10 - 13)


@pytest.mark.matrix("F10")
def test_a_moment_is_claimed_once_whoever_asks(recurring, beat, region):
    run = recurring()
    beat.pass_time(run.invoke_id, 10.5)
    other = Beat(region)
    assert len(beat.claim()) == 1
    assert other.claim() == []


@pytest.mark.matrix("F9", "F10")
def test_a_beat_that_was_held_up_between_looking_and_claiming_claims_nothing(assistant, recurring, beat, region):
    run = recurring()
    beat.pass_time(run.invoke_id, 10.5)
    held_up = Calendar(region.ledger)
    due = region.ledger.call(schedules.list_due(0, 10))
    late = schedules.claim(held_up.claims(due.tasks, due.now), 3_000)
    (occurrence,) = beat.claim()
    beat.plan([occurrence])
    assert region.ledger.call(late) == []
    assert (row_of(assistant, run).runs, row_of(assistant, run).missed) == (1, 0)


@pytest.mark.matrix("F9")
def test_what_was_claimed_and_not_planned_is_handed_over_again(recurring, beat, region):
    run = recurring()
    beat.pass_time(run.invoke_id, 10.5)
    (occurrence,) = beat.claim()
    region.server.zadd(keys.CLAIMED, {occurrence: 1})
    assert Beat(region).claim() == [occurrence]
    assert beat.plan([occurrence, occurrence]) == 2
    assert beat.plan([occurrence]) == 0
    assert region.server.zcard(keys.CLAIMED) == 0
    assert region.server.llen("instance.web-1") == 1


def test_a_moment_is_skipped_where_the_last_run_has_not_ended(assistant, recurring, beat, region):
    run = recurring()
    first = beat.run(run.invoke_id)
    region.end(first, "web-2")
    second = beat.run(run.invoke_id)
    row = row_of(assistant, run)
    assert (row.runs, row.skipped) == (2, 1)
    assert {result.record_id for result in run.results()} == {f"{first}.web-1", f"{second}.web-2"}
    region.end(first, "web-1")
    third = beat.run(run.invoke_id)
    assert f"{third}.web-1" in {result.record_id for result in run.results()}


def test_overlap_may_be_allowed(region, assistant, recurring):
    region.settings = changed(region.settings, overlap="allow")
    beat = Beat(region)
    run = recurring()
    beat.run(run.invoke_id)
    beat.run(run.invoke_id)
    assert region.server.llen("instance.web-1") == 2
    assert row_of(assistant, run).skipped == 0
    run.stop()
    assert region.server.llen("control.web-1") == 0
    assert run.refresh().status is InvokeStatus.STOPPED


def test_an_instance_that_is_offline_fails_and_takes_part_again(assistant, recurring, beat, region):
    run = recurring()
    region.server.delete("presence.web-2")
    first = beat.run(run.invoke_id)
    region.end(first, "web-1")
    assert [(each.instance_id, each.error_code) for each in run.results()] == [
        ("web-1", ""),
        ("web-2", "ClientNotRunning"),
    ]
    assert statuses(assistant, run) == dict.fromkeys(BOTH, RUNNING)
    region.register(["web-2"])
    beat.run(run.invoke_id)
    assert region.server.llen("instance.web-2") == 1


@pytest.mark.matrix("F9", "F11")
@pytest.mark.parametrize(
    ("frequency", "seconds", "missed", "ran"),
    [
        ("rate(10s)", 10.5, 0, 1),
        ("rate(10s)", 65, 5, 1),
        ("rate(1h)", 3_600 + 55, 0, 1),
        ("rate(1h)", 3_600 + 65, 1, 0),
        ("rate(1h)", 3 * 3_600 + 65, 3, 0),
    ],
)
def test_of_missed_moments_the_last_is_made_up_for_if_it_is_not_too_late(
    assistant, recurring, beat, frequency, seconds, missed, ran
):
    run = recurring(frequency)
    beat.pass_time(run.invoke_id, seconds)
    assert len(beat.claim()) == ran
    row = row_of(assistant, run)
    assert row.missed == missed
    assert row.next_time.timestamp() > row.creation_time.timestamp() + seconds


def test_what_dispatch_comes_to_too_late_is_missed(assistant, recurring, beat, region):
    run = recurring("rate(1h)")
    beat.pass_time(run.invoke_id, 3_600.5)
    (occurrence,) = beat.claim()
    task, _, due = occurrence.partition("@")
    late = f"{task}@{int(due) - 61_000}"
    region.server.zadd(keys.CLAIMED, {late: 1})
    for _ in range(2):
        assert beat.plan([late]) == 0
        assert row_of(assistant, run).missed == 1
    assert beat.plan([occurrence]) == 2


def test_a_moment_that_nobody_claimed_is_not_planned(assistant, recurring, beat, region):
    """Whoever can write to the queue of dispatch cannot have a script run when it is not due."""
    run = recurring()
    now = region.server.time()[0] * 1000
    assert beat.plan([f"{run.invoke_id}@{now}", f"{run.invoke_id}@{now + 60_000}"]) == 0
    assert row_of(assistant, run).runs == 0
    assert list(run.results()) == []


def test_a_task_that_is_gone_is_let_go(recurring, beat, region):
    run = recurring()
    beat.pass_time(run.invoke_id, 10.5)
    (occurrence,) = beat.claim()
    of_task = (keys.invocation, keys.targets, keys.fleet)
    region.server.delete(*(key(run.invoke_id) for key in of_task))
    assert beat.plan([occurrence]) == 0
    assert region.server.zcard(keys.CLAIMED) == 0
    region.server.zadd(keys.SCHEDULES, {run.invoke_id: 1})
    assert beat.claim() == []
    assert region.server.zcard(keys.SCHEDULES) == 0
    assert not region.server.exists(keys.invocation(run.invoke_id))


def test_at_ends_by_itself_as_its_records_do(assistant, recurring, beat, region):
    run = recurring(f"at({in_future(hours=1)})", keep_command=True, name="once")
    occurrence = beat.come(run.invoke_id, 3_600)
    assert row_of(assistant, run).status is InvokeStatus.RUNNING
    assert row_of(assistant, run).next_time is None
    with pytest.raises(CloudAssistError):
        assistant.delete_command(run.command_id)
    region.end(occurrence, "web-1")
    assert statuses(assistant, run) == {"web-1": InvocationStatus.FINISHED, "web-2": RUNNING}
    region.end(occurrence, "web-2", "Failed", error_code="ExecutionTimeout")
    row = row_of(assistant, run)
    assert (row.status, row.detail_status) == (InvokeStatus.PARTIAL_FAILED, DetailInvokeStatus.PARTIAL_FAILED)
    assert [each.detail_status for each in row.invoke_instances] == ["Success", "Timeout"]
    assert row.finish_time is not None
    assert not row.timed
    assistant.delete_command(run.command_id)


def test_an_exit_code_counts_when_a_task_ends_by_itself(assistant, recurring, beat, region):
    run = recurring(f"at({in_future(hours=1)})")
    occurrence = beat.come(run.invoke_id, 3_600)
    for name in BOTH:
        region.end(occurrence, name, exit_code=3)
    row = row_of(assistant, run)
    assert (row.status, row.detail_status) == (InvokeStatus.FINISHED, DetailInvokeStatus.FAILED)
    assert [each.detail_status for each in row.invoke_instances] == ["Failed", "Failed"]


def test_at_that_was_missed_fails_everywhere_and_ends(assistant, recurring, beat):
    run = recurring(f"at({in_future(hours=1)})")
    beat.come(run.invoke_id, 3_600 + 100)
    row = row_of(assistant, run)
    assert (row.status, row.missed) == (InvokeStatus.FAILED, 1)
    assert {result.error_code for result in run.results()} == {"AtExpressionExpired"}


def test_a_cron_with_a_last_year_ends_with_its_last_moment(assistant, recurring, beat, region):
    year = datetime.now(UTC).year + 1
    run = recurring(f"0 0 0 1 1,7 ? {year}")
    seconds = (datetime(year, 1, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    beat._calendar.keep(())
    region.server.zadd(keys.SCHEDULES, {run.invoke_id: region.server.time()[0] * 1000 - 500})
    (first,) = beat.claim()
    beat.plan([first])
    for name in BOTH:
        region.end(first, name)
    row = row_of(assistant, run)
    assert row.status is InvokeStatus.RUNNING
    assert 0 < row.next_time.timestamp() - datetime.now(UTC).timestamp() <= seconds + 1


def test_a_stop_lets_nothing_more_start(assistant, recurring, beat, region):
    run = recurring()
    running = beat.run(run.invoke_id)
    region.server.set(f"claim:web-1:{running}.web-1", "journal/boot", ex=3_600)
    beat.pass_time(run.invoke_id, 10)
    (claimed,) = beat.claim()
    run.stop()
    assert beat.plan([claimed]) == 0
    assert region.server.zcard(keys.SCHEDULES) == region.server.zcard(keys.CLAIMED) == 0
    assert statuses(assistant, run) == {"web-1": STOPPING, "web-2": STOPPED}
    assert row_of(assistant, run).status is InvokeStatus.STOPPING
    assert region.server.llen("control.web-1") == 1
    region.end(running, "web-1", "Stopped", exit_code=143)
    row = row_of(assistant, run)
    assert (row.status, row.timed) == (InvokeStatus.STOPPED, False)
    run.stop()
    assert row_of(assistant, run).status is InvokeStatus.STOPPED


def test_a_stop_on_one_instance_leaves_the_others(assistant, recurring, beat, region):
    run = recurring()
    run.stop(["web-1"])
    assert statuses(assistant, run) == {"web-1": STOPPED, "web-2": RUNNING}
    assert row_of(assistant, run).status is InvokeStatus.RUNNING
    beat.run(run.invoke_id)
    assert [result.instance_id for result in run.results()] == ["web-2"]
    assert region.server.llen("instance.web-1") == 0
    run.stop(["web-2"])
    assert row_of(assistant, run).status is InvokeStatus.STOPPED
    with pytest.raises(CloudAssistError, match=r"does not run on web-9"):
        run.stop(["web-9"])


def test_recurring_and_single_runs_are_told_apart(assistant, recurring):
    once = assistant.run_command("date", instance_ids=["web-1"])
    run, stopped = recurring(), recurring()
    stopped.stop()

    def listed(**filters):
        return [row.invoke_id for row in assistant.describe_invocations(**filters)]

    assert listed(repeat_mode="Once") == [once.invoke_id]
    assert listed(repeat_mode="Period") == [stopped.invoke_id, run.invoke_id]
    assert listed(timed=True) == [run.invoke_id]
    assert listed(invoke_status="Scheduled") == [run.invoke_id]
    assert listed(instance_id="web-2") == [stopped.invoke_id, run.invoke_id]


def test_the_command_of_a_recurring_run_cannot_be_deleted(assistant, recurring, beat, region):
    command = assistant.create_command("date", name="dates")
    run = assistant.invoke_command(command.command_id, instance_ids=BOTH, frequency="rate(10s)")
    occurrence = beat.run(run.invoke_id)
    for name in BOTH:
        region.end(occurrence, name)
    with pytest.raises(CloudAssistError) as raised:
        assistant.delete_command(command.command_id)
    assert raised.value.code == "InvalidOperation.CommandInUse"
    run.stop()
    assistant.delete_command(command.command_id)
    assert row_of(assistant, run).command_content == "date"


@pytest.mark.parametrize(
    ("frequency", "says"),
    [
        ("at(2020-01-01 00:00:00)", "no moment left in the future"),
        ("0,5 0 0 1 1 ?", "it comes 5 s after itself at 20"),
    ],
)
def test_what_may_not_be_is_refused_and_nothing_is_written(recurring, server, frequency, says):
    with pytest.raises(InvalidParameterError, match=says) as raised:
        recurring(frequency)
    assert raised.value.code == "InvalidParam.Frequency"
    assert server.keys("invocation:*") == []


def test_the_same_request_begins_one_recurring_run(assistant):
    first, second = (
        assistant.run_command("date", instance_ids=BOTH, frequency="rate(10s)", client_token="same") for _ in range(2)
    )
    assert first.invoke_id == second.invoke_id


def test_many_instances(region, beat):
    names = [f"i-{number:04}" for number in range(2_500)]
    region.register(names)
    with region.assistant(instances_per_call=5_000) as assistant:
        run = assistant.run_command("date", instance_ids=names, frequency="rate(10s)")
        beat.pass_time(run.invoke_id, 10.5)
        assert beat.plan(beat.claim()) == len(names)
        row = row_of(assistant, run)
        assert (row.instance_count, row.runs) == (2_500, 1)
        assert [result.instance_id for result in run.results()] == names
        run.stop()
        assert row_of(assistant, run).status is InvokeStatus.STOPPED
