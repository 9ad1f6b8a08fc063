"""What has ended goes away by itself: by age, and by number."""

import pytest

from cloudassist.duties.heartbeats import Heartbeats
from cloudassist.duties.retention import MOST, Retention
from cloudassist.limits import RECORD_BYTES
from cloudassist.store import keys


@pytest.fixture
def retention(region, ledger):
    def make(**changes):
        with region.assistant(**changes) as assistant:
            return Retention(ledger, assistant._session.context.settings)

    return make


def runs(region, count, **settings):
    with region.assistant(**settings) as assistant:
        return [assistant.run_command("echo", instance_ids=["web-1", "web-2"]).invoke_id for _ in range(count)]


def end(region, invoke_ids):
    for invoke_id in invoke_ids:
        for name in ("web-1", "web-2"):
            region.end(invoke_id, name, output=b"hello")


def left_of(server, invoke_id):
    return sorted(name for name in server.scan_iter(f"*{invoke_id}*") if not name.startswith("claim:"))


def test_the_newest_are_kept_and_of_the_others_nothing_is_left(assistant, region, retention, server):
    invoke_ids = runs(region, 5)
    end(region, invoke_ids[:4])
    # All of them may have ended within one millisecond.
    server.zadd(keys.FINISHED, {invoke_id: 10**12 * 2 + number for number, invoke_id in enumerate(invoke_ids[:4])})
    assert retention(retention_invocations=2).turn() > 0
    assert [row.invoke_id for row in assistant.describe_invocations()] == invoke_ids[:1:-1]
    for gone in invoke_ids[:2]:
        assert left_of(server, gone) == []
        assert server.zscore(keys.INVOCATIONS, gone) is server.zscore(keys.FINISHED, gone) is None
    assert len(left_of(server, invoke_ids[2])) == 2 + 2 * 2
    assert next(assistant.invocation(invoke_ids[3]).results()).output == "hello"


def test_what_is_too_old_goes_also_from_the_lists(assistant, region, retention, server):
    invoke_ids = runs(region, 3)
    end(region, invoke_ids[:2])
    server.zadd(keys.FINISHED, {invoke_ids[0]: 1})
    assert retention().turn() > 0
    assert [row.invoke_id for row in assistant.describe_invocations()] == [invoke_ids[2], invoke_ids[1]]
    assert assistant.describe_invocations().total_count == 2


def test_the_lists_are_cleared_of_what_has_gone_by_its_own_lifetime(assistant, region, retention, server):
    (invoke_id,) = runs(region, 1)
    end(region, [invoke_id])
    server.delete(keys.invocation(invoke_id), keys.targets(invoke_id))
    assert list(assistant.describe_invocations()) == []
    server.zadd(keys.FINISHED, {invoke_id: 1})
    retention().turn()
    assert server.zcard(keys.INVOCATIONS) == server.zcard(keys.FINISHED) == 0


def test_the_oldest_go_where_all_together_are_too_large(assistant, region, retention, server):
    invoke_ids = runs(region, 4)
    for invoke_id in invoke_ids:
        for name in ("web-1", "web-2"):
            region.end(invoke_id, name, output=b"x" * 500)
    server.zadd(keys.FINISHED, {invoke_id: 10**12 * 2 + number for number, invoke_id in enumerate(invoke_ids)})
    size = 2 * (RECORD_BYTES + 500)
    assert server.get(keys.KEPT_BYTES) == str(4 * size)
    assert retention(retention_bytes=3 * size - 1).turn() > 0
    assert [row.invoke_id for row in assistant.describe_invocations()] == invoke_ids[:1:-1]
    assert server.get(keys.KEPT_BYTES) == str(2 * size)


def test_a_run_ends_once_whatever_is_said_again(region, server):
    (invoke_id,) = runs(region, 1)
    end(region, [invoke_id])
    before = server.hgetall(keys.invocation(invoke_id)), server.get(keys.KEPT_BYTES)
    end(region, [invoke_id])
    assert (server.hgetall(keys.invocation(invoke_id)), server.get(keys.KEPT_BYTES)) == before


def test_a_turn_is_bounded(region, retention, server):
    end(region, runs(region, MOST + 5))
    duty = retention(retention_invocations=1)
    assert duty.turn() == 0
    assert server.zcard(keys.FINISHED) == 5
    assert duty.turn() > 0
    assert server.zcard(keys.FINISHED) == 1


def test_what_has_not_ended_is_never_touched(assistant, region, retention):
    invoke_ids = runs(region, 3)
    retention(retention_invocations=1).turn()
    assert assistant.describe_invocations().total_count == len(invoke_ids)


def test_a_record_stays_as_long_as_its_run(assistant, region, server):
    """The first instance ends at once, the last one much later: neither is gone before the other."""
    with region.assistant(retention_seconds=60) as short:
        run = short.run_command("echo", instance_ids=["web-1", "web-2"], timeout=3_600)
        region.end(run.invoke_id, "web-1")
        open_for = server.pttl(keys.invocation(run.invoke_id))
        assert server.pttl(keys.record(f"{run.invoke_id}.web-1")) >= open_for - 1_000


def test_heartbeats_are_remembered_of_instances_that_went_away(assistant, region, ledger, server):
    region.register([f"i-{number:04}" for number in range(1_200)])
    region.register(["never-1"], online=False)
    duty = Heartbeats(ledger)
    assert [duty.turn() for _ in range(3)] == [0, 0, 30]
    server.delete("presence.i-0007")
    gone, never = assistant.describe_instances(["i-0007", "never-1"])
    assert (gone.online, never.online) == (False, False)
    assert gone.last_heartbeat_time is not None
    assert never.last_heartbeat_time is None
