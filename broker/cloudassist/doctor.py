"""The doctor: whether a region is set up as it should be, and everything that it needs is there.

Each check looks at one thing, says what it saw, and what to do where that is not as it should be.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import access, schema
from cloudassist.access import ROLES, Role
from cloudassist.address import database_of
from cloudassist.settings import Settings
from cloudassist.store import health, instances, reports, sweeps
from cloudassist.store import users as user_calls
from cloudassist.store.invocations import READ_CHUNK
from cloudassist.store.ledger import Ledger

LATE_MS: Final = 10_000
"""Milliseconds after which what nobody has seen to is late."""
CLOCK_MS: Final = 1_000
"""Milliseconds that a machine's clock may differ from the server's without a word."""
CONNECTIONS_PER_AGENT: Final = 9
"""Connections of one agent with remote control and events, as measured (docs/performance.md); without, it has 5."""
CONNECTIONS_ELSEWHERE: Final = 200
"""Connections that are set aside for the control plane, producers and people."""
REDIS: Final = (7, 2)
"""The first that knows CLIENT SETINFO, which is among the rights of our users."""
VALKEY: Final = (8, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The instances: how many speak each schema and have an agent of each version, and whose clocks are wrong."""

    schemas: Counter[int]
    versions: Counter[str]
    wrong_clocks: Sequence[str]

    @property
    def size(self) -> int:
        """Return how many there are."""
        return self.schemas.total()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was seen of a region at one moment (``now``, ms of the server's clock; ``offset`` is ours against it)."""

    now: int
    offset: int
    info: Mapping[str, Any]
    user: str
    users: Counter[str]
    absent: Sequence[Role]
    differing: Sequence[Role]
    beats: int
    takers: Mapping[str, int]
    waiting: int
    overdue: int
    late_moments: int
    fleet: Fleet


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was seen, and the remedy, which is empty where all is well."""

    name: str
    seen: str
    remedy: str = ""

    @property
    def well(self) -> bool:
        """Tell whether there is nothing to do."""
        return not self.remedy


def examine(settings: Settings) -> list[Check]:
    """Look at a region as a user who may do everything; raises ServiceUnavailableError and ConfigurationError."""
    with Ledger.of(settings) as ledger:
        seen = read(ledger, database_of(settings.url))
    return [check(seen) for check in CHECKS]


def read(ledger: Ledger, database: int = 0) -> Reading:
    """Read all that the checks look at."""
    begun = time.time()
    now = ledger.call(instances.server_time())
    offset = int(500 * (begun + time.time())) - now
    info, user, users, beats, takers = ledger.run(
        [health.info(), health.whoami(), health.connected_users(), health.count_beats(), health.takers()]
    )
    waiting, *_ = ledger.run(reports.backlog([]))
    late = now - LATE_MS
    overdue, late_moments = ledger.run([sweeps.count_due_before(late), health.count_late_moments(late)])
    rights = dict(zip(ROLES, ledger.run([user_calls.rights(role) for role in ROLES]), strict=True))
    return Reading(
        now=now,
        offset=offset,
        info=info,
        user=user,
        users=users,
        absent=[role for role in ROLES if rights[role] is None],
        differing=[role for role in ROLES if rights[role] not in {None, access.user(role, database=database).rights}],
        beats=beats,
        takers=takers,
        waiting=waiting,
        overdue=overdue,
        late_moments=late_moments,
        fleet=_fleet(ledger),
    )


def _fleet(ledger: Ledger) -> Fleet:
    schemas: Counter[int] = Counter()
    versions: Counter[str] = Counter()
    wrong: list[str] = []
    after = ""
    while names := ledger.call(instances.page(after, READ_CHUNK)):
        (_, enrolments), *agents = ledger.run([instances.read_enrolments(names), *map(instances.read_agent, names)])
        schemas.update(enrolment.schema for enrolment in enrolments if enrolment is not None)
        versions.update(version for version, _ in agents if version)
        wrong += [name for name, (_, offset) in zip(names, agents, strict=True) if abs(offset) > CLOCK_MS]
        after = names[-1]
    return Fleet(schemas=schemas, versions=versions, wrong_clocks=wrong)


def _version(seen: Reading) -> Check:
    valkey = seen.info.get("server_name") == "valkey"
    name, least = ("Valkey", VALKEY) if valkey else ("Redis", REDIS)
    version = str(seen.info["valkey_version" if valkey else "redis_version"])
    wanted = ".".join(map(str, least))
    old = tuple(int(part) for part in version.split(".")[:2]) < least
    return Check("server", f"{name} {version}", f"{name} {wanted} or newer is needed" if old else "")


def _persistence(seen: Reading) -> Check:
    info = seen.info
    if not info["aof_enabled"]:
        return Check("persistence", "no append-only file", "set appendonly yes: a restart would lose what is open")
    if info["aof_last_write_status"] != "ok":
        return Check("persistence", "the append-only file cannot be written", "look at the server's disk and log")
    return Check("persistence", "append-only file")


def _eviction(seen: Reading) -> Check:
    policy = str(seen.info["maxmemory_policy"])
    wrong = policy != "noeviction"
    return Check("eviction", policy, "set maxmemory-policy noeviction: keys would be thrown away" if wrong else "")


def _memory(seen: Reading) -> Check:
    used, most = int(seen.info["used_memory"]), int(seen.info["maxmemory"])
    if not most:
        return Check("memory", f"{_mib(used)}, no limit")
    full = 100 * used // most
    remedy = "raise maxmemory, or keep less (CLOUDASSIST_RETENTION_BYTES)" if full >= _FULL else ""
    return Check("memory", f"{_mib(used)} of {_mib(most)}", remedy)


def _connections(seen: Reading) -> Check:
    most = int(seen.info["maxclients"])
    needed = CONNECTIONS_ELSEWHERE + CONNECTIONS_PER_AGENT * seen.fleet.size
    remedy = f"set maxclients {needed} or more, and the limit of open files with it" if needed > most else ""
    return Check(
        "connections", f"{seen.info['connected_clients']} of {most}; {_count(seen.fleet.size, 'instance')}", remedy
    )


def _users(seen: Reading) -> Check:
    if seen.user == "default":
        return Check("users", "everybody is the default user", "make users with `assist acl`")
    return Check("users", f"{_count(len(seen.users), 'user')} connected")


def _rights(seen: Reading) -> Check:
    if seen.user == "default":
        return Check("rights", "everybody may do everything")
    if seen.absent:
        remedy = "make them: `assist acl --apply --roles --passwords DIR`"
        return Check("rights", f"there is no user {', '.join(seen.absent)}", remedy)
    if seen.differing:
        remedy = "renew them: `assist acl --apply --roles`"
        return Check("rights", f"{', '.join(seen.differing)}: others than this version gives", remedy)
    return Check("rights", f"{_count(len(ROLES), 'role')}, as this version gives them")


def _clock(seen: Reading) -> Check:
    wrong = (["this machine"] if abs(seen.offset) > CLOCK_MS else []) + list(seen.fleet.wrong_clocks)
    told = f"{seen.offset / 1000:+.1f} s from the server's; {_count(len(seen.fleet.wrong_clocks), 'instance')} away"
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    remedy = f"set the clock of {', '.join(wrong[:_NAMED])}{more}: nothing depends on it but scripts and logs"
    return Check("clock", told, remedy if wrong else "")


def _aggregators(seen: Reading) -> Check:
    alive = [name for name, at in seen.takers.items() if at > seen.now - LATE_MS]
    if not alive:
        return Check("control", "no control worker", "start one: celery -A cloudassist worker")
    told = f"{_count(len(alive), 'control worker')}, {_count(seen.waiting, 'report')} waiting"
    return Check("control", told, "start another control worker" if seen.waiting > _MANY_REPORTS else "")


def _sweeper(seen: Reading) -> Check:
    remedy = "control workers are overloaded, or gone: look at their logs, or start another one" if seen.overdue else ""
    return Check("overdue", f"{_count(seen.overdue, 'record')} not looked at by the sweeper in time", remedy)


def _dispatch(seen: Reading) -> Check:
    if seen.user == "default":
        return Check("dispatch", "cannot be told from others without users")
    count = seen.users[Role.DISPATCH]
    remedy = "" if count else "start it: CLOUDASSIST_ROLE=dispatch celery -A cloudassist worker"
    return Check("dispatch", _count(count, "connection"), remedy)


def _beats(seen: Reading) -> Check:
    if not seen.beats:
        return Check("beats", "none", "start one: celery -A cloudassist_beat beat")
    late = seen.late_moments
    told = f"{_count(seen.beats, 'beat')}, {_count(late, 'moment')} late"
    return Check("beats", told, "beats are overloaded, or held up: look at their logs" if late else "")


def _agents(seen: Reading) -> Check:
    schemas = seen.fleet.schemas
    far = {spoken: count for spoken, count in schemas.items() if not schema.OLDEST <= spoken <= schema.CURRENT}
    versions = [f"{count} of version {version}" for version, count in sorted(seen.fleet.versions.items())]
    told = ", ".join([*versions, *(f"{count} of schema {spoken}" for spoken, count in sorted(schemas.items()))])
    remedy = f"upgrade {sum(far.values())} of them: they get nothing to run (`assist instances`)" if far else ""
    return Check("agents", told or "none", remedy)


_FULL: Final = 90
"""Percent of its memory from which on a server counts as full."""
_MANY_REPORTS: Final = 10_000
"""Reports that wait where aggregators do not keep up."""
_NAMED: Final = 5
"""Instances that a line names, the most."""


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _mib(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"


CHECKS: Final[tuple[Callable[[Reading], Check], ...]] = (
    _version, _persistence, _eviction, _memory, _connections, _users, _rights, _clock,
    _aggregators, _sweeper, _dispatch, _beats, _agents,
)  # fmt: skip
