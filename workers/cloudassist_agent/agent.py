"""What an agent is made of, how it begins and how it ends."""

import fcntl
import logging
from pathlib import Path
from typing import IO, Final

from cloudassist.app import Application
from cloudassist.error_code import ErrorCode
from cloudassist.errors import ConfigurationError
from cloudassist.keyring import AgreementKey, create_key, encode_key
from cloudassist.messages import Registration
from cloudassist.status import InvocationStatus
from cloudassist.version import __version__
from cloudassist_agent import host, report, tree
from cloudassist_agent.clock import ServerClock
from cloudassist_agent.executor import Outcome
from cloudassist_agent.journal import Entry, Journal
from cloudassist_agent.link import Link
from cloudassist_agent.orders import Orders
from cloudassist_agent.presence import Heart
from cloudassist_agent.running import Running
from cloudassist_agent.sender import Sender
from cloudassist_agent.settings import AgentSettings

log = logging.getLogger(__name__)

KEY_FILE: Final = "instance.key"
JOURNAL_FILE: Final = "journal.db"
LOCK_FILE: Final = "lock"


class Agent:
    """The parts of one agent. Threads: one per script that runs, the sender, the heart, and Celery's own."""

    def __init__(self, settings: AgentSettings, app: Application) -> None:
        trust = settings.trusted()
        folder = settings.agent_dir
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(folder / LOCK_FILE)
        create_key(folder / KEY_FILE, "instance")
        key = AgreementKey.load(folder / KEY_FILE, "instance")
        self._settings = settings
        self._public_key = encode_key(key.public)
        self._clock = ServerClock()
        self._link = Link(app, self._clock)
        self.journal = Journal(folder / JOURNAL_FILE)
        self.name = f"{self.journal.id}/{host.boot_id()}"
        mac_keys = {instance_id: key.mac_key(instance_id, trust.report) for instance_id in settings.instance_id}
        self.sender = Sender(app, self.journal, mac_keys)
        self.running = Running(settings.running_per_instance, self._presence_changed)
        self.heart = Heart(self._link, self._clock, settings, self.running, app.refusals, self.name)
        self.orders = Orders(
            settings=settings,
            trust=trust,
            claimant=self.name,
            clock=self._clock,
            journal=self.journal,
            link=self._link,
            running=self.running,
            sender=self.sender,
        )

    def start(self) -> bool:
        """Get the lease, settle what an earlier agent left behind, and begin to speak. Waits for the server.

        Returns False where it was told to stop before it had the lease.
        """
        if not self.heart.acquire():
            return False
        for entry in self.journal.unended():
            self._settle(entry)
        self.journal.prune(self._clock.now() - int(1000 * self._settings.journal_seconds))
        self.sender.start()
        self.heart.start()
        return True

    def drain(self) -> None:
        """Say that nothing new is taken; what runs goes on."""
        self.heart.drain()

    def register(self) -> None:
        """Say who the instances are; at every connection, since the server may have lost it."""
        facts = {
            "public_key": self._public_key,
            "agent_version": __version__,
            "os_type": host.os_type(),
            "os_version": host.os_version(),
            "hostname": host.hostname(),
            "address": host.address(),
        }
        for instance_id in self._settings.instance_id:
            self.sender.remark(Registration(instance_id, tags=self._settings.tags_by_key(), **facts))

    def stop(self) -> None:
        """Say the last words, give the lease back, and close everything."""
        self.sender.stop()
        self.heart.stop()
        self._link.close()
        self.journal.close()
        self._lock.close()

    def _presence_changed(self) -> None:
        self.heart.wake()

    def _settle(self, entry: Entry) -> None:
        """End and report a script that ran when the last agent of this journal ended."""
        restarted = entry.boot != host.boot_id()
        ended = 0
        if not restarted:
            alive = entry.pid is not None and tree.start_of(entry.pid) == entry.pid_start
            ended = tree.end(entry.record_id, entry.pid if alive else None, self._settings.kill_grace_seconds)
        code = ErrorCode.INSTANCE_RESTARTED if restarted else ErrorCode.EXECUTION_INTERRUPTED
        info = "the machine was restarted" if restarted else f"the agent ended; {ended} processes were ended"
        outcome = Outcome(InvocationStatus.FAILED, error_code=code, error_info=info, ended=ended)
        last = report.ended(entry.record_id, outcome, at=self._clock.now(), start_time=entry.start_time)
        self.journal.end(entry.record_id, last.encode())
        log.warning("%s: %s", entry.record_id, info)


def _lock(path: Path) -> IO[str]:
    """Hold the agent's folder for this process alone; raises ConfigurationError."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ConfigurationError(f"another agent is running with the state folder {path.parent}") from None
    return file
