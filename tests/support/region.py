"""A region without agents: a server, producers, and instances that only seem to be there."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import redis

from cloudassist import Assistant, ids, topology
from cloudassist.messages import FINAL_SEQUENCE, Registration, Report
from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.status import InvocationStatus
from cloudassist.store import instances, invocations, reports
from cloudassist.store.ledger import Ledger

ALIVE = Presence("journal/boot", 1_700_000_000_000, (), 9).encode()


class Region:
    """What a test does to the ledger in the place of agents and the control plane."""

    def __init__(self, settings: Settings, ledger: Ledger, server: redis.Redis) -> None:
        self.settings = settings
        self.ledger = ledger
        self.server = server
        server.set(topology.KEY_SET_KEY, settings.key_set_file.read_bytes())

    def register(self, names: Iterable[str], tags: Mapping[str, str] | None = None, *, online: bool = True) -> None:
        """Register instances and, unless told otherwise, have them give a sign of life."""
        for name in names:
            self.ledger.call(instances.register(Registration(name, "key", "1.0", "Linux", tags=dict(tags or {}))))
            if online:
                self.server.set(topology.presence_key(name), ALIVE, px=600_000)

    def start(self, invoke_id: str, instance_id: str) -> None:
        """Report that a script has started."""
        self._report(invoke_id, instance_id, 1, InvocationStatus.RUNNING, start_time=1_000)

    def end(self, invoke_id: str, instance_id: str, status: str = "Finished", **fields: object) -> None:
        """Report how an execution ended."""
        fields = {"exit_code": 0, "start_time": 1_000, "finish_time": 2_000} | fields
        self._report(invoke_id, instance_id, FINAL_SEQUENCE, InvocationStatus(status), **fields)

    def tell(self, invoke_id: str) -> None:
        """Wake whoever waits for a run."""
        self.ledger.call(invocations.notice(invoke_id))

    def assistant(self, **changes: object) -> Assistant:
        """Return another producer, with some settings changed."""
        return Assistant(settings=changed(self.settings, **changes))

    def _report(self, invoke_id: str, instance_id: str, sequence: int, status: InvocationStatus, **fields) -> None:
        report = Report(instance_id, ids.record_id(invoke_id, instance_id), sequence, status, **fields)
        retention_ms = int(1000 * self.settings.retention_seconds)
        self.ledger.call(reports.apply([report], retention_ms=retention_ms, watch_ms=1_000))


def changed(settings: Settings, **changes: object) -> Settings:
    """Return settings with some changes."""
    return replace(settings, **changes)
