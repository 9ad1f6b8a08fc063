"""The rules that the ledger itself keeps, on a real server and with no other process."""

import re
from collections import Counter

import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cloudassist import access, ids, schema, topology
from cloudassist.error_code import ErrorCode
from cloudassist.messages import FINAL_SEQUENCE, Registration, Report
from cloudassist.models.invocation import Progress
from cloudassist.settings import Settings
from cloudassist.status import MOVES, TERMINAL, InvocationStatus
from cloudassist.store import instances, invocations, keys, library, reports, sweeps
from cloudassist.store.instances import Enrolment
from cloudassist.store.invocations import Lifetimes
from cloudassist.store.ledger import Ledger
from cloudassist.store.refusal import Earlier, Refusal
from support.ledgers import ONLINE, plan_run

RUNNING, STOPPING, STOPPED, FINISHED, FAILED = (
    InvocationStatus.RUNNING,
    InvocationStatus.STOPPING,
    InvocationStatus.STOPPED,
    InvocationStatus.FINISHED,
    InvocationStatus.FAILED,
)
LIFETIMES = Lifetimes.of(Settings(), 60)


def apply(ledger, record_id, sequence, status, **fields):
    report = Report(ids.split_record_id(record_id)[1], record_id, sequence, status, **fields)
    return ledger.call(reports.apply([report], retention_ms=60_000, watch_ms=1_000)).words[0]


def status_of(ledger, record_id):
    return ledger.call(invocations.read_record(record_id))["status"]


def stop(ledger, invoke_id, *record_ids):
    return ledger.call(invocations.stop(invoke_id, record_ids, lifetimes=LIFETIMES, check_ms=1_000, caller="me"))


def progress(ledger, invoke_id):
    return Progress.of(ledger.call(invocations.read(invoke_id)))


def claim(server, record_id, value="journal/boot", seconds=3_600):
    _, instance_id = ids.split_record_id(record_id)
    server.set(topology.claim_key(instance_id, record_id), value, ex=seconds)


def test_a_run_is_planned_with_one_record_per_instance(ledger, server):
    run = plan_run(ledger, server, ["web-1", "web-2", "off-1"], online=["web-1", "web-2"])
    assert run.codes == ["", "", ErrorCode.CLIENT_NOT_RUNNING]
    assert progress(ledger, run.invoke_id).counts == {**dict.fromkeys(InvocationStatus, 0), RUNNING: 2, FAILED: 1}
    offline = ledger.call(invocations.read_record(run.record_ids[2]))
    assert offline["status"] == FAILED
    assert offline["error_code"] == "ClientNotRunning"
    assert ledger.call(instances.open_records("web-1")) == [run.record_ids[0]]
    assert ledger.call(instances.open_records("off-1")) == []
    assert set(server.zrange(keys.DUE, 0, -1)) == set(run.record_ids[:2])


@pytest.mark.matrix("F1")
def test_an_invocation_is_valid_with_its_last_chunk_only(ledger, server):
    run = plan_run(ledger, server, ["web-1"], last=False)
    assert "planned" not in ledger.call(invocations.read(run.invoke_id))
    assert ledger.call(invocations.page_newest(None, 10)) == []
    plan_run(ledger, server, ["web-2"], invoke_id=run.invoke_id, begin=False)
    assert ledger.call(invocations.read(run.invoke_id))["planned"] == "1"
    assert [name for name, _ in ledger.call(invocations.page_newest(None, 10))] == [run.invoke_id]
    assert ledger.call(invocations.page_targets(run.invoke_id, 0, 10)) == ["web-1", "web-2"]


def test_a_plan_without_its_beginning_plans_nothing(ledger, server):
    run = plan_run(ledger, server, ["web-1"], begin=False)
    assert run.codes is None
    assert server.keys("record:*") == []


def test_the_same_token_returns_the_first_run(ledger, server):
    first = plan_run(ledger, server, ["web-1"], token="one", digest="d1")
    second = plan_run(ledger, server, ["web-1"], token="one", digest="d2")
    assert first.begun is None
    assert second.begun == Earlier("d1", (first.invoke_id, "c-1"))
    assert second.codes is None
    assert len(server.keys("record:*")) == 1


@pytest.mark.matrix("F1")
def test_a_plan_that_was_broken_off_is_begun_anew_and_its_rest_comes_too_late(ledger, server):
    broken = plan_run(ledger, server, ["web-1"], token="one", last=False)
    young = plan_run(ledger, server, ["web-1"], token="one")
    assert young.begun.cause is Refusal.PLANNING
    server.hincrby(keys.invocation(broken.invoke_id), "creation_time", -library.PLAN_MS)
    anew = plan_run(ledger, server, ["web-1"], token="one")
    assert (anew.begun, anew.codes) == (None, [""])
    assert plan_run(ledger, server, ["web-2"], invoke_id=broken.invoke_id, begin=False).codes is None
    assert plan_run(ledger, server, ["web-1"], token="one").begun.ids == (anew.invoke_id, "c-1")
    assert [name for name, _ in ledger.call(invocations.page_newest(None, 10))] == [anew.invoke_id]


def test_an_instance_takes_so_many_open_records_and_no_more(ledger, server):
    codes = [plan_run(ledger, server, ["web-1"], open_limit=3).codes[0] for _ in range(5)]
    assert codes == ["", "", "", "TaskConcurrencyLimit", "TaskConcurrencyLimit"]
    assert len(ledger.call(instances.open_records("web-1"))) == 3


@pytest.mark.matrix("I3")
@pytest.mark.parametrize("start", InvocationStatus)
@pytest.mark.parametrize("end", [RUNNING, *sorted(TERMINAL)])  # no report can say Stopping
def test_the_ledger_refuses_illegal_moves_whoever_asks(ledger, server, start, end):
    run = plan_run(ledger, server, ["web-1"])
    (record_id,) = run.record_ids
    server.hset(keys.record(record_id), "status", start)
    server.hset(keys.invocation(run.invoke_id), mapping={"n.Running": 0, f"n.{start}": 1})
    apply(ledger, record_id, 5, end, exit_code=0)
    moved = end in MOVES[start]
    assert status_of(ledger, record_id) == (end if moved else start)
    assert progress(ledger, run.invoke_id).counts[end if moved else start] == 1
    assert progress(ledger, run.invoke_id).total == 1


def test_a_repeated_or_overtaken_report_changes_nothing(ledger, server):
    run = plan_run(ledger, server, ["web-1"])
    (record_id,) = run.record_ids
    assert apply(ledger, record_id, 2, RUNNING, start_time=5) == "started"
    assert apply(ledger, record_id, 1, RUNNING, start_time=9) == "duplicate"
    assert apply(ledger, record_id, FINAL_SEQUENCE, FINISHED, exit_code=3, start_time=5, output=b"x") == "applied"
    before = ledger.call(invocations.read_record(record_id))
    assert apply(ledger, record_id, FINAL_SEQUENCE, FINISHED, exit_code=0) == "duplicate"
    assert apply(ledger, record_id, 3, RUNNING, start_time=7) == "duplicate"
    assert ledger.call(invocations.read_record(record_id)) == before
    assert before["exit_code"] == "3"
    assert before["start_time"] == "5"


def test_a_result_after_the_verdict_is_kept_as_late(ledger, server):
    run = plan_run(ledger, server, ["web-1"])
    (record_id,) = run.record_ids
    assert ledger.call(sweeps.fail(record_id, ErrorCode.CLIENT_NOT_RESPONSE, 60_000))
    late = {"exit_code": 3, "output": b"it ran", "dropped": 2}
    assert apply(ledger, record_id, FINAL_SEQUENCE, FINISHED, **late) == "late"
    assert apply(ledger, record_id, FINAL_SEQUENCE, FINISHED, exit_code=0) == "duplicate"
    record = ledger.call(invocations.read_record(record_id))
    assert (record["status"], record["late_status"], record["late_exit_code"]) == (FAILED, FINISHED, "3")
    assert (ledger.call(invocations.read_output(record_id)), record["dropped"]) == (b"it ran", "2")
    assert "exit_code" not in record
    assert progress(ledger, run.invoke_id).status == "Failed"


def test_the_same_after_a_stop_is_no_late_result(ledger, server):
    run = plan_run(ledger, server, ["web-1"])
    assert stop(ledger, run.invoke_id, *run.record_ids) == [STOPPED]
    assert apply(ledger, run.record_ids[0], FINAL_SEQUENCE, STOPPED) == "duplicate"


def test_a_report_of_nothing_is_unknown(ledger):
    assert apply(ledger, "t-0.web-1", 1, FINISHED) == "unknown"


def test_a_stop_before_the_claim_is_final_at_once(ledger, server):
    run = plan_run(ledger, server, ["web-1", "web-2"])
    claim(server, run.record_ids[1])
    assert stop(ledger, run.invoke_id, *run.record_ids) == [STOPPED, STOPPING]
    assert server.get(topology.claim_key("web-1", run.record_ids[0])) == topology.STOPPED_CLAIM
    assert stop(ledger, run.invoke_id, *run.record_ids) == [STOPPED, STOPPING]
    assert apply(ledger, run.record_ids[1], FINAL_SEQUENCE, STOPPED, start_time=1) == "started"
    assert stop(ledger, run.invoke_id, *run.record_ids) == [STOPPED, STOPPED]
    assert progress(ledger, run.invoke_id).status == "Stopped"
    assert stop(ledger, run.invoke_id, "t-9.web-9") == [None]


@pytest.mark.matrix("F84", "I6")
def test_whoever_sets_the_claim_first_decides(ledger, server):
    run = plan_run(ledger, server, ["web-1", "web-2"])
    claim(server, run.record_ids[0])
    assert not ledger.call(sweeps.expire(run.record_ids[0], 60_000, 60_000))
    assert status_of(ledger, run.record_ids[0]) == RUNNING
    assert ledger.call(sweeps.expire(run.record_ids[1], 60_000, 60_000))
    assert server.get(topology.claim_key("web-2", run.record_ids[1])) == topology.EXPIRED_CLAIM
    record = ledger.call(invocations.read_record(run.record_ids[1]))
    assert (record["status"], record["error_code"]) == (FAILED, "DeliveryTimeout")
    assert stop(ledger, run.invoke_id, *run.record_ids) == [STOPPING, FAILED]


def test_what_has_ended_has_a_lifetime_and_is_nowhere_open(ledger, server):
    run = plan_run(ledger, server, ["web-1", "web-2"])
    for record_id in run.record_ids:
        claim(server, record_id)
        apply(ledger, record_id, FINAL_SEQUENCE, FINISHED, exit_code=0, output=b"hello", start_time=1, finish_time=2)
    assert server.zcard(keys.DUE) == 0
    assert not server.exists(keys.OPEN)
    for name in (keys.invocation(run.invoke_id), keys.targets(run.invoke_id)):
        assert 0 < server.pttl(name) <= 60_000, name
    # Its records stay at least as long: the last one may have ended much later than the first.
    ends_by = int(server.hget(keys.invocation(run.invoke_id), "ends_by"))
    kept = server.keys("record:*") + server.keys("output:*")
    assert len(kept) == 4
    assert all(server.pexpiretime(name) >= ends_by + 60_000 for name in kept)


def test_every_end_counts_once_and_an_instance_makes_up_no_code(ledger, server):
    run = plan_run(
        ledger, server, ["web-1", "web-2", "web-3", "web-4", "off-1"], online=["web-1", "web-2", "web-3", "web-4"]
    )
    fine, nonzero, refused, strange, _ = run.record_ids
    for _ in range(2):
        apply(ledger, fine, FINAL_SEQUENCE, FINISHED, exit_code=0)
        apply(ledger, nonzero, FINAL_SEQUENCE, FINISHED, exit_code=3)
        apply(ledger, refused, FINAL_SEQUENCE, FAILED, error_code="DirectoryNotExists", error_info="/x")
        apply(ledger, strange, FINAL_SEQUENCE, FAILED, error_code='x"} 1\n')
    assert ledger.call(sweeps.count_ended()) == {
        (FINISHED, ""): 1,
        (FINISHED, "ExitCodeNonzero"): 1,
        (FAILED, "DirectoryNotExists"): 1,
        (FAILED, "other"): 1,
        (FAILED, "ClientNotRunning"): 1,
    }


def test_without_the_right_to_these_numbers_records_end_all_the_same(ledger, server, server_url):
    """As while a region is upgraded, whose users have the rules of the version before."""
    run = plan_run(ledger, server, ["web-1", "web-2"])
    claim(server, run.record_ids[1])
    rules = access.user(access.Role.CONTROL).words("old")
    server.execute_command("ACL SETUSER", "old", *(re.sub(r" ~(stopping|ended)\b", "", word) for word in rules))
    try:
        with Ledger(server_url.replace("redis://", "redis://old:old@")) as old:
            assert stop(old, run.invoke_id, *run.record_ids) == [STOPPED, STOPPING]
            assert apply(old, run.record_ids[1], FINAL_SEQUENCE, STOPPED) == "applied"
    finally:
        server.acl_deluser("old")
    assert progress(ledger, run.invoke_id).status == "Stopped"
    assert not server.exists(keys.OPEN, keys.DUE, keys.STOPPING, keys.ENDED)


def test_a_claim_stays_until_no_order_can_start_any_more_and_not_much_longer(ledger, server):
    day = 24 * 3600
    run = plan_run(ledger, server, ["web-1"], timeout=day)
    (record_id,) = run.record_ids
    claim(server, record_id, seconds=2 * day)
    apply(ledger, record_id, FINAL_SEQUENCE, FINISHED, exit_code=0)
    start_by = int(server.hget(keys.invocation(run.invoke_id), "start_by"))
    left = server.pexpiretime(topology.claim_key("web-1", record_id)) - start_by
    assert 0 < left < 1000 * day / 2


def test_the_first_key_of_an_instance_stays(ledger, server):
    mine, other = Registration("web-1", "key-1", "1.0", tags={"a": "b"}), Registration("web-1", "key-2", "6.6")
    assert ledger.call(instances.register(mine))
    assert ledger.call(instances.register(mine))
    assert not ledger.call(instances.register(other))
    facts = ledger.call(instances.read("web-1"))
    assert (facts["public_key"], facts["agent_version"], facts["epoch"]) == ("key-1", "1.0", "0")
    _, enrolments = ledger.call(instances.read_enrolments(["web-1", "nobody"]))
    assert enrolments == [Enrolment(0, schema.CURRENT), None]


ACTIONS = st.one_of(
    st.tuples(st.just("report"), st.integers(0, 4), st.sampled_from([RUNNING, *sorted(TERMINAL)]), st.integers(1, 5)),
    st.tuples(st.just("stop"), st.integers(0, 4)),
    st.tuples(st.just("claim"), st.integers(0, 4)),
    st.tuples(st.just("expire"), st.integers(0, 4)),
    st.tuples(st.just("fail"), st.integers(0, 4)),
)


@pytest.mark.matrix("I3", "I4")
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, max_size=40))
def test_counters_equal_a_recount_whatever_happens_in_whatever_order(ledger: Ledger, server: redis.Redis, actions):
    """What has ended never changes, and the counters are those of the records."""
    server.flushall()
    run = plan_run(ledger, server, [f"web-{number}" for number in range(5)])
    ended: dict[str, str] = {}
    for kind, index, *rest in actions:
        record_id = run.record_ids[index]
        if kind == "report":
            apply(ledger, record_id, rest[1], rest[0], exit_code=0)
        elif kind == "stop":
            stop(ledger, run.invoke_id, record_id)
        elif kind == "claim":
            claim(server, record_id)
        elif kind == "expire":
            ledger.call(sweeps.expire(record_id, 60_000, 60_000))
        else:
            ledger.call(sweeps.fail(record_id, ErrorCode.CLIENT_NOT_RESPONSE, 60_000))
        statuses = {record_id: status_of(ledger, record_id) for record_id in run.record_ids}
        assert ended.items() <= statuses.items()
        ended = {record_id: status for record_id, status in statuses.items() if status in TERMINAL}
        counts = progress(ledger, run.invoke_id).counts
        assert {status: count for status, count in counts.items() if count} == Counter(statuses.values())
        still_open = set(run.record_ids) - ended.keys()
        assert set(server.zrange(keys.DUE, 0, -1)) == still_open
        assert {entry.partition("/")[2] for entry in server.zrange(keys.OPEN, 0, -1)} == still_open
        stopping = {record_id for record_id, status in statuses.items() if status == STOPPING}
        assert set(server.zrange(keys.STOPPING, 0, -1)) == stopping
        told: Counter[str] = Counter()
        for (status, _), count in ledger.call(sweeps.count_ended()).items():
            told[status] += count
        assert told == Counter(ended.values())


def test_online_is_the_word_of_the_instance(ledger, server):
    server.set(topology.presence_key("web-1"), ONLINE, px=45_000)
    assert ledger.call(instances.read_presence("web-1")) == ONLINE
    assert ledger.call(instances.read_presence("web-2")) is None
