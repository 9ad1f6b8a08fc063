"""A beat and dispatch by hand: moments come when a test says so."""

from datetime import UTC, datetime

from cloudassist import expressions, ids
from cloudassist.dispatch.occurrences import Occurrences
from cloudassist.dispatch.warrants import Warrants
from cloudassist.expressions import Rate
from cloudassist.fanout import Fanout
from cloudassist.keyring import SigningKey
from cloudassist.keyset import Root
from cloudassist.store import invocations, keys, schedules
from cloudassist.warrant import Warrant, digest
from cloudassist_beat.calendar import Calendar
from support.region import Region

HOLD_MS = 3_000
MOST = 500


class Beat:
    """One beat of a region, and dispatch."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._calendar = Calendar(region.ledger)

    def pass_time(self, invoke_id: str, seconds: float) -> None:
        """Put a recurring run into the past, as if so much time had gone by."""
        server, back = self._region.server, int(1000 * seconds)
        server.hincrby(keys.invocation(invoke_id), "creation_time", -back)
        due = server.zincrby(keys.SCHEDULES, -back, invoke_id)
        if server.hget(keys.invocation(invoke_id), "frequency").startswith("at("):
            text = datetime.fromtimestamp(due / 1000, UTC).strftime("at(%Y-%m-%d %H:%M:%S)")
            server.hset(keys.invocation(invoke_id), "frequency", text)
        # A task is read once: what it is does not change, but here.
        self._calendar.keep(())

    def claim(self) -> list[str]:
        """Claim what is due."""
        due = self._region.ledger.call(schedules.list_due(0, MOST))
        claimed = self._region.ledger.call(schedules.claim(self._calendar.claims(due.tasks, due.now), HOLD_MS))
        return claimed + self._region.ledger.call(schedules.take_claimed(HOLD_MS, MOST))

    def plan(self, occurrences: list[str]) -> int:
        """Plan occurrences as dispatch does; return how many orders were sent."""
        settings, ledger = self._region.settings, self._region.ledger
        for occurrence in occurrences:
            self._bend(occurrence)
        key = SigningKey.load(settings.signing_key_file)
        fanout = Fanout(settings, key)
        try:
            return Occurrences(ledger, fanout, settings, Warrants(ledger, key, Root.of(settings))).plan(occurrences)
        finally:
            fanout.close()

    def _bend(self, occurrence: str) -> None:
        """Let a task have begun so, and be warranted so, that a moment of the test's making is one of its moments."""
        task, moment = ids.task_of(occurrence), ids.moment_of(occurrence)
        fields = self.status(task)
        if not fields:
            return
        creation = int(fields["creation_time"])
        expression = expressions.parse(fields["frequency"], fields["time_zone"])
        if isinstance(expression, Rate) and expression.after(moment - 1, creation) != moment:
            creation = moment - 1000 * expression.seconds
        warrant = Warrant(
            invoke_id=task,
            payload_hash=fields["hash"],
            targets=digest(self._region.server.lrange(keys.targets(task), 0, -1)),
            start_by=0,
            frequency=fields["frequency"],
            time_zone=fields["time_zone"],
            creation_time=creation,
            grace_ms=int(fields["grace_ms"]),
        )
        key = SigningKey.load(self._region.settings.signing_key_file)
        self._region.server.hset(keys.invocation(task), "warrant", warrant.seal(key))

    def run(self, invoke_id: str) -> str:
        """Plan a run of this very moment, as if it had been due; return the occurrence."""
        seconds, micros = self._region.server.time()
        occurrence = ids.occurrence_id(invoke_id, 1000 * seconds + micros // 1000)
        self._region.server.zadd(keys.CLAIMED, {occurrence: 1000 * seconds})
        self.plan([occurrence])
        return occurrence

    def come(self, invoke_id: str, seconds: float) -> str:
        """Let time go by, claim and plan; return the one occurrence."""
        self.pass_time(invoke_id, seconds)
        (occurrence,) = self.claim()
        self.plan([occurrence])
        return occurrence

    def status(self, invoke_id: str) -> dict[str, str]:
        """Return what is written of a run."""
        return self._region.ledger.call(invocations.read(invoke_id))
