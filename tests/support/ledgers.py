"""Planning a run in a ledger by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from cloudassist import ids, topology
from cloudassist.messages import Registration
from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations
from cloudassist.store.audit import Act
from cloudassist.store.invocations import Beginning, Lifetimes, NewCommand
from cloudassist.store.ledger import Ledger
from cloudassist.store.refusal import Earlier, Refused

COMMAND = {"name": "n", "type": "RunShellScript", "content": "true"}
ONLINE = Presence("journal/boot", 0, (), 9).encode()


@dataclass
class Run:
    """What was planned."""

    invoke_id: str
    record_ids: list[str]
    begun: Earlier | Refused | None
    codes: list[str] | None


def plan_run(
    ledger: Ledger,
    server: redis.Redis,
    instance_ids: Sequence[str],
    *,
    online: Sequence[str] | None = None,
    invoke_id: str = "",
    begin: bool = True,
    last: bool = True,
    token: str = "",
    digest: str = "digest",
    open_limit: int = 60,
    start_by_ms: int = 3_600_000,
    timeout: int = 60,
    command_id: str = "c-1",
    new: bool = True,
    kept: bool = False,
    settings: Settings | None = None,
) -> Run:
    """Plan a run on instances, which are put online unless ``online`` says which are."""
    settings = settings or Settings()
    lifetimes = Lifetimes.of(settings, timeout)
    invoke_id = invoke_id or ids.new_invoke_id()
    for instance_id in instance_ids:
        ledger.call(instances.register(Registration(instance_id, "key", "1.0")))
    for instance_id in instance_ids if online is None else online:
        server.set(topology.presence_key(instance_id), ONLINE, px=45_000)
    seconds, micros = server.time()
    now = seconds * 1000 + micros // 1000
    begun = None
    if begin:
        beginning = Beginning(
            invoke_id=invoke_id,
            command_id=command_id,
            token=token or invoke_id,
            digest=digest,
            payload_key="payload:x",
            payload=b"{}",
            fields={
                "creation_time": now,
                "deliver_by": now + int(1000 * settings.delivery_seconds),
                "start_by": now + start_by_ms,
                "ends_by": now + lifetimes.work,
                "timeout": timeout,
                "command_id": command_id,
                "payload": "payload:x",
                "hash": "h",
            },
            command=NewCommand(fields=COMMAND, kept=kept) if new else None,
            day="2026-01-01",
            act=Act(caller="me", operation="RunCommand"),
        )
        begun = ledger.call(invocations.begin(beginning, settings, lifetimes))
    codes = ledger.call(
        invocations.plan(
            invoke_id,
            command_id,
            instance_ids,
            last=last,
            lifetimes=lifetimes,
            check_ms=3_000,
            open_limit=open_limit,
        )
    )
    return Run(invoke_id, [ids.record_id(invoke_id, name) for name in instance_ids], begun, codes)
