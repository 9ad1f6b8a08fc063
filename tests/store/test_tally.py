"""What a control worker counts of what it does: each thing once, whoever says it, however often."""

import pytest

from cloudassist import ids
from cloudassist.duties.distribution import Distribution
from cloudassist.duties.sweeper import Sweeper
from cloudassist.duties.tally import BOUNDS_MS, Tally
from cloudassist.messages import FINAL_SEQUENCE, Report
from cloudassist.status import InvocationStatus
from cloudassist.store import keys, reports, sweeps
from cloudassist.store.reports import Applied
from support.ledgers import plan_run

RUNNING, FINISHED, FAILED = InvocationStatus.RUNNING, InvocationStatus.FINISHED, InvocationStatus.FAILED


@pytest.fixture
def tally():
    return Tally()


@pytest.fixture
def hear(ledger, tally):
    """Apply a report as an aggregator does, and count it."""

    def hear(record_id, sequence, status, **fields):
        said = [Report(ids.split_record_id(record_id)[1], record_id, sequence, status, **fields)]
        tally.note_reports(ledger.call(reports.apply(said, retention_ms=60_000, watch_ms=1_000)), said)

    return hear


def test_a_distribution_counts_by_the_first_bound_that_is_not_exceeded():
    values = Distribution([10, 100])
    for value in (0, 10, 11, 100, 101, 5_000):
        values.add(value)
    assert values.read() == ([2, 4, 6], 5_222)


def test_a_start_counts_when_it_is_first_told_and_an_end_once(ledger, server, tally, hear):
    (record_id,) = plan_run(ledger, server, ["web-1"]).record_ids
    began = int(server.hget(keys.invocation(ids.split_record_id(record_id)[0]), "creation_time"))
    for _ in range(2):
        hear(record_id, 1, RUNNING, start_time=began + 40)
    hear(record_id, 2, RUNNING, start_time=began + 40, output=b"x")
    for _ in range(2):
        hear(record_id, FINAL_SEQUENCE, FINISHED, start_time=began + 40, finish_time=began + 1_040, exit_code=3)
    assert tally.delivery.read() == ([int(bound >= 40) for bound in BOUNDS_MS] + [1], 40)
    assert tally.execution.read() == ([int(bound >= 1_000) for bound in BOUNDS_MS] + [1], 1_000)
    assert tally.schedule_delay.read()[0][-1] == 0


def test_an_end_that_comes_first_tells_of_the_start_as_well(ledger, server, tally, hear):
    (record_id,) = plan_run(ledger, server, ["web-1"]).record_ids
    hear(record_id, FINAL_SEQUENCE, FINISHED, start_time=1, finish_time=2, exit_code=0)
    hear(record_id, 1, RUNNING, start_time=1)
    assert tally.delivery.read()[0][-1] == 1


def test_what_could_not_start_has_no_times(ledger, server, tally, hear):
    (record_id,) = plan_run(ledger, server, ["web-1"]).record_ids
    hear(record_id, FINAL_SEQUENCE, FAILED, error_code="DirectoryNotExists")
    assert tally.delivery.read()[0][-1] == tally.execution.read()[0][-1] == 0


def test_a_run_of_a_recurring_task_is_measured_from_its_moment(tally):
    said = [Report("web-1", "t-1@5000.web-1", 1, RUNNING, start_time=5_070)]
    tally.note_reports(Applied([reports.STARTED], 5_000), said)
    assert tally.schedule_delay.read()[1] == 70
    assert tally.delivery.read()[0][-1] == 0


def test_what_the_sweeper_does_about_silence_counts(ledger, server, settings, tally):
    lost, late = (plan_run(ledger, server, ["web-1"]).record_ids[0] for _ in range(2))
    server.hset(keys.invocation(ids.split_record_id(late)[0]), mapping={"creation_time": 1, "deliver_by": 2})
    server.zadd(keys.DUE, {lost: 0, late: 0})
    sweeper = Sweeper(ledger, settings, lambda _runs, _stops: None, tally)
    sweeper.turn()
    assert tally.silent == {"send-run": 1, "expire": 1, "send-stop": 0, "fail": 0}
    assert ledger.call(sweeps.count_ended()) == {("Failed", "DeliveryTimeout"): 1}
