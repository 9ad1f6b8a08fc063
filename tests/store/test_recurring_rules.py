"""What holds of a recurring run whatever happens to it, in whatever order: random histories on a real server."""

import json
from itertools import count

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cloudassist import ids, topology
from cloudassist.models.invocation import Progress
from cloudassist.status import TERMINAL, InvocationStatus
from cloudassist.store import instances as calls
from cloudassist.store import invocations, keys, schedules
from cloudassist.store.schedules import Claim, What
from support.beating import Beat
from support.region import Region, changed

NAMES = ("web-1", "web-2", "web-3")
MOMENTS = count(1)

instances = st.sampled_from(NAMES)
ends = st.sampled_from(["Finished", "Failed", "Stopped"])
steps = st.one_of(
    st.tuples(st.just("come")),
    st.tuples(st.just("come")),
    st.tuples(st.just("come again")),
    st.tuples(st.just("start"), instances),
    st.tuples(st.just("end"), instances, ends, st.integers(1, 3)),
    st.tuples(st.just("end all"), ends),
    st.tuples(st.just("leave"), instances),
    st.tuples(st.just("return"), instances),
    st.tuples(st.just("stop"), st.lists(instances, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("last")),
)


class Life:
    """One recurring run, and what a test does to it."""

    def __init__(self, region: Region) -> None:
        self.region, self.beat = region, Beat(region)
        region.register(NAMES)
        with region.assistant() as assistant:
            self.task = assistant.run_command("true", instance_ids=NAMES, frequency="rate(1h)").invoke_id
        self.came: list[str] = []
        self.stopped_at: dict[str, int] = {}

    def do(self, what: str, *args) -> None:
        """Carry one step out."""
        getattr(self, what.replace(" ", "_"))(*args)

    def come(self) -> None:
        if self.region.server.zscore(keys.SCHEDULES, self.task) is not None:
            self.came.append(self.beat.run(self.task))

    def come_again(self) -> None:
        """A moment is handed over once more, as if nobody knew whether it had been planned."""
        if self.came:
            self.region.server.zadd(keys.CLAIMED, {self.came[-1]: 1})
            self.beat.plan([self.came[-1]])

    def last(self) -> None:
        """The moment that comes is the last of all."""
        due = self.region.server.zscore(keys.SCHEDULES, self.task)
        if due is not None:
            now = 1000 * self.region.server.time()[0] + next(MOMENTS) % 1000
            self.region.server.zadd(keys.SCHEDULES, {self.task: now})
            claim = Claim(self.task, now, now, None, 0, What.RUN)
            self.came += self.region.ledger.call(schedules.claim([claim], 3_000))
            self.beat.plan(self.came[-1:])

    def start(self, name: str) -> None:
        for run in self.came:
            self.region.start(run, name)

    def end(self, name: str, status: str, which: int) -> None:
        if len(self.came) >= which:
            self.region.end(self.came[-which], name, status)

    def end_all(self, status: str) -> None:
        for run in self.came:
            for name in NAMES:
                self.region.end(run, name, status)

    def leave(self, name: str) -> None:
        self.region.server.delete(topology.presence_key(name))

    def return_(self, name: str) -> None:
        self.region.register([name])

    def stop(self, names: list[str]) -> None:
        with self.region.assistant() as assistant:
            assistant.stop_invocation(self.task, names)
        for name in names:
            self.stopped_at.setdefault(name, len(self.came))

    def check(self, *, skip: bool) -> None:
        """Assert what holds at any time."""
        server = self.region.server
        fields = self.region.ledger.call(invocations.read(self.task))
        members = {name: json.loads(text) for name, text in server.hgetall(keys.fleet(self.task)).items()}
        now = Progress.of(fields)
        recount = dict.fromkeys(InvocationStatus, 0)
        for status, *_ in members.values():
            recount[InvocationStatus(status)] += 1
        assert now.counts == recount
        open_records = {
            name: {
                record
                for record in self.region.ledger.call(calls.open_records(name))
                if record.startswith(f"{self.task}@")
            }
            for name in NAMES
        }
        assert {name: member[4] for name, member in members.items()} == {
            name: len(records) for name, records in open_records.items()
        }
        assert now.running == sum(map(len, open_records.values()))
        if skip:
            assert all(len(records) <= 1 for records in open_records.values())
        for name, (status, *_) in members.items():
            assert status not in TERMINAL or not open_records[name]
            for run in self.came[self.stopped_at.get(name, len(self.came)) :]:
                assert not server.exists(keys.record(ids.record_id(run, name)))
        if now.ended:
            assert server.zscore(keys.SCHEDULES, self.task) is None
            assert server.ttl(keys.invocation(self.task)) > 0
            assert server.ttl(keys.fleet(self.task)) > 0
        assert server.zcard(keys.CLAIMED) == 0
        for run in self.came:
            of_run = Progress.of(self.region.ledger.call(invocations.read(run)))
            assert of_run.total == sum(server.exists(keys.record(ids.record_id(run, name))) for name in NAMES)


@pytest.mark.matrix("I4")
@hypothesis_settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=1, max_size=14), st.sampled_from(["skip", "allow"]))
def test_whatever_happens_the_books_are_right(settings, ledger, server, history, overlap):
    server.flushall()
    life = Life(Region(changed(settings, overlap=overlap), ledger, server))
    for step in history:
        life.do("return_" if step[0] == "return" else step[0], *step[1:])
        life.check(skip=overlap == "skip")
    life.stop(list(NAMES))
    life.end_all("Stopped")
    life.check(skip=overlap == "skip")
    assert Progress.of(ledger.call(invocations.read(life.task))).ended
