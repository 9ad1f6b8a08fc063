"""Settings of an agent, besides those of every role."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cloudassist import limits, topology
from cloudassist.errors import CloudAssistError, ConfigurationError
from cloudassist.settings import Settings, bounded, read
from cloudassist_agent import enrolment
from cloudassist_agent.scripts import system

PRIVATE_UMASK: Final = 0o077
"""What the agent's own files allow to others, whatever it was started with: nothing. Scripts have another mask."""
QUEUES_PER_CHANNEL: Final = 50
"""Instance queues that one channel pops from: each pop names them all, to the server, every time."""


@dataclass(frozen=True, kw_only=True)
class AgentSettings(Settings):
    """What an agent needs to know.

    One process usually stands for one instance. For trials it can stand for many: then ``instance_id`` is a list with
    commas, and all of them share one journal and one key.
    """

    instance_id: tuple[str, ...] = field(default_factory=lambda: (socket.gethostname(),))
    """The instance that this agent stands for (the host's name); several only for trials."""
    epoch: int = bounded(0, least=0, most=2**53)
    """Which enrolment of the instance this is; orders for an earlier one are void."""
    tags: tuple[str, ...] = ()
    """Tags of the instance, each ``key=value``."""
    concurrency: int = bounded(0, least=0, most=1_000)
    """Scripts run at a time in this process; 0: as many as one instance may run."""
    output_bytes: int = bounded(limits.OUTPUT_BYTES, least=1_024, most=limits.OUTPUT_BYTES)
    """Bytes of output kept per record, head and tail together."""
    execution_path: Path = field(default=system.EXECUTION_PATH)
    """Folder in which each script gets a private folder of its own (overview, "task execution path")."""
    keep_script_file: bool = False
    """Leave the script's folder in place after the run."""
    hang_seconds: float = bounded(60, least=5, most=3_600)
    """Seconds that a sign of life of a thread may be late before the daemon replaces the agent."""
    watch_seconds: float = bounded(5, least=0.1, most=300)
    """Seconds between two looks of the daemon at the agent (API d.8)."""
    watch_settle_seconds: float = bounded(180, least=0, most=3_600)
    """Seconds after an agent's start before its use of the machine is judged (API d.8)."""
    watch_strikes: int = bounded(3, least=1, most=100)
    """Looks in a row at which an idle agent must exceed its budget to be replaced (API d.8)."""
    watch_cpu_percent: float = bounded(20, least=1, most=10_000)
    """Percent of one processor that an idle agent may not reach (API d.8)."""
    watch_rss_bytes: int = bounded(150 * 2**20, least=2**20, most=2**40)
    """Bytes of memory that an idle agent may have; one at rest has a third of that."""
    drain_seconds: float = bounded(300, least=0, most=7 * 86_400)
    """Seconds that scripts get to end by themselves when the agent is told to end; then they are ended."""
    remote_control: bool = True
    """Answer Celery's read-only remote control (inspect)."""
    events: bool = True
    """Send Celery's events, which Flower shows."""
    log_file: Path | None = None
    """File to log to, rotated at 10 MiB, five kept; the daemon's is beside it. None: stderr."""
    journal_bytes: int = bounded(256 * 1024 * 1024, least=1024 * 1024, most=2**40)
    """Bytes of the journal's file above which the oldest reports that were sent lose their output."""
    journal_seconds: float = bounded(7 * 86_400, least=3_600, most=365 * 86_400)
    """Seconds that the journal remembers a record that has ended."""

    def __post_init__(self) -> None:
        """Check the ids and the tags besides the rest."""
        super().__post_init__()
        if not self.instance_id:
            raise ConfigurationError("CLOUDASSIST_INSTANCE_ID (or --instance-id) must name the instance")
        try:
            for instance_id in self.instance_id:
                topology.check_instance_id(instance_id)
        except CloudAssistError as error:
            raise ConfigurationError(error.message) from None
        self.tags_by_key()

    @property
    def agent_dir(self) -> Path:
        """Return the folder of this agent's journal and key."""
        return enrolment.agent_dir(self.state_dir, self.instance_id[0])

    @property
    def key_file(self) -> Path:
        """Return where the instance's key is."""
        return self.agent_dir / "instance.key"

    @property
    def key_set_copy(self) -> Path:
        """Return where the newest key set that was seen is kept."""
        return self.agent_dir / "key-set"

    @property
    def journal_file(self) -> Path:
        """Return where the journal is."""
        return self.agent_dir / "journal.db"

    @property
    def lock_file(self) -> Path:
        """Return the file that the one agent of the folder holds."""
        return self.agent_dir / "lock"

    @property
    def signs_file(self) -> Path:
        """Return where the agent's threads give their signs of life."""
        return self.agent_dir / "signs"

    @property
    def daemon_lock_file(self) -> Path:
        """Return the file that the one daemon of the folder holds."""
        return self.agent_dir / "daemon.lock"

    @property
    def slots(self) -> int:
        """Return how many scripts run at a time in this process."""
        return self.concurrency or self.running_per_instance

    @property
    def log_fields(self) -> dict[str, str]:
        """Return what stands in each line of a log as JSON: the instance, where there is but one."""
        return {"instance_id": self.instance_id[0]} if len(self.instance_id) == 1 else {}

    @property
    def json_fields(self) -> dict[str, str] | None:
        """Return the same where the log is to be JSON, else None."""
        return self.log_fields if self.logs_json else None

    def tags_by_key(self) -> dict[str, str]:
        """Return the tags by key; raises ConfigurationError."""
        if len(self.tags) > limits.TAG_COUNT:
            raise ConfigurationError(f"an instance has at most {limits.TAG_COUNT} tags; {len(self.tags)} were given")
        pairs = [tag.partition("=") for tag in self.tags]
        for key, separator, value in pairs:
            if not separator or not 0 < len(key) <= limits.TAG_KEY_CHARACTERS:
                raise ConfigurationError(
                    f"a tag is key=value, its key 1 to {limits.TAG_KEY_CHARACTERS} characters: {key!r}"
                )
            if len(value) > limits.TAG_VALUE_CHARACTERS:
                raise ConfigurationError(
                    f"the tag {key!r} has a value of more than {limits.TAG_VALUE_CHARACTERS} characters"
                )
        return {key: value for key, _, value in pairs}


def read_settings(environ: Mapping[str, str] | None = None) -> AgentSettings:
    """Read the settings of an agent: from the environment, and where that is silent from its machine's enrolment."""
    return read(AgentSettings, enrolment.completed(os.environ if environ is None else environ))
