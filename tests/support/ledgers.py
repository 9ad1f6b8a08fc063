"""Planning a run in a ledger by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from cloudassist import ids, topology
from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.store import invocations
from cloudassist.store.invocations import Lifetimes
from cloudassist.store.ledger import Ledger

ONLINE = Presence("journal/boot", 0, (), 9).encode()


@dataclass
class Run:
    """What was planned."""

    invoke_id: str
    record_ids: list[str]
    earlier: tuple[str, str] | None
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
) -> Run:
    """Plan a run on instances, which are put online unless ``online`` says which are."""
    lifetimes = Lifetimes.of(Settings(), 60)
    invoke_id = invoke_id or ids.new_invoke_id()
    for instance_id in instance_ids if online is None else online:
        server.set(topology.presence_key(instance_id), ONLINE, px=45_000)
    seconds, micros = server.time()
    now = seconds * 1000 + micros // 1000
    earlier = None
    if begin:
        fields = {
            "creation_time": now,
            "start_by": now + start_by_ms,
            "timeout": 60,
            "command_id": "c-1",
            "payload": "payload:x",
            "hash": "h",
        }
        payload = ("payload:x", b"{}")
        earlier = ledger.call(invocations.begin(invoke_id, token or invoke_id, digest, payload, fields, lifetimes))
    codes = ledger.call(
        invocations.plan(invoke_id, instance_ids, last=last, lifetimes=lifetimes, check_ms=3_000, open_limit=open_limit)
    )
    return Run(invoke_id, [ids.record_id(invoke_id, name) for name in instance_ids], earlier, codes)
