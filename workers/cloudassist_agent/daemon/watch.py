"""The daemon (AssistDaemon): starts the agent, watches over it, restarts it, and reports how it is.

It judges by what is to be seen on this machine alone: that the server is away is no reason to restart anything.
"""

import logging
import os
import signal
import sys
import threading
import time
from typing import Final

from cloudassist.messages import ClientState, ClientStatus
from cloudassist.patience import growing
from cloudassist_agent import folder, logs
from cloudassist_agent.daemon.client_process import ClientProcess, UnitProcess
from cloudassist_agent.daemon.judge import Budget, Judge, Look
from cloudassist_agent.daemon.reporter import Reporter
from cloudassist_agent.settings import PRIVATE_UMASK, AgentSettings

log = logging.getLogger(__name__)

START_SECONDS: Final = 60.0
"""Seconds after which an agent that was started must hold its folder."""
FIRST_PAUSE_SECONDS: Final = 1.0
"""Seconds before the first restart; it doubles with each further one."""
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Seconds, the longest wait before a restart."""
PROVEN_SECONDS: Final = 600.0
"""Seconds after which an agent has shown that it is well: the pauses begin anew."""
STOP_MARGIN_SECONDS: Final = 30.0
"""Seconds that an agent may take to end beyond the limit of its drain."""
_LATE_FACTOR: Final = 3
"""Looks that are missed are a sign that the daemon itself was held up."""


class Daemon:
    """Watches over one agent; raises ConfigurationError where another daemon does."""

    def __init__(self, settings: AgentSettings, client: ClientProcess) -> None:
        self._lock = folder.hold(settings.daemon_lock_file, "daemon")
        self._settings = settings
        self._client = client
        self._reporter = Reporter(settings)
        budget = (settings.watch_cpu_percent, settings.watch_rss_bytes, settings.watch_strikes)
        self._judge = Judge(Budget(*budget, settle_seconds=settings.watch_settle_seconds))
        self._signals: list[str] = []
        self._woken = threading.Event()
        self._restarts = 0
        self._reason = ""
        self._failures = 0
        self._running_since: float | None = None
        self._started_at = 0.0
        self._next_start = 0.0
        self._last_look = time.monotonic()

    def run(self) -> None:
        """Watch until a signal comes; then end the agent, and say so."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._reporter.start()
        while not self._signals:
            self._report(*self._look())
            self._woken.wait(self._settings.watch_seconds)
        if self._client.ends_with_daemon:
            self._end()
            self._report(ClientState.STOPPED, None)
        self._reporter.stop()

    def _on_signal(self, number: int, _frame: object) -> None:
        self._signals.append(signal.Signals(number).name)
        self._woken.set()

    def _look(self) -> tuple[ClientState, Look | None]:
        """Look at the agent once, and do what is needed; return how it is."""
        now = time.monotonic()
        is_late = now - self._last_look > _LATE_FACTOR * self._settings.watch_seconds
        self._last_look = now
        pid = self._client.find()
        if pid is None:
            return self._absent(now), None
        if self._running_since is None:
            self._running_since = now
            self._judge.forget()
            log.info("watching over process %d", pid)
        look = self._client.look(pid, age=now - self._running_since, is_late=is_late)
        # It is running when it was seen twice: so much it needs to introduce itself.
        if look is None or look.age == 0:
            return ClientState.STARTING, None
        return self._present(now, look), look

    def _present(self, now: float, look: Look) -> ClientState:
        if look.age >= PROVEN_SECONDS:
            self._failures = 0
        reason = self._judge.judge(look)
        if not reason:
            return ClientState.RUNNING
        log.error("the agent is replaced: %s", reason)
        self._client.kill(dump=True)
        self._gone(now, reason)
        return ClientState.DEAD

    def _absent(self, now: float) -> ClientState:
        expected = self._running_since is None and self._started_at > self._next_start
        if self._client.starting or (expected and not self._client.knows_its_end):
            if now < self._started_at + START_SECONDS:
                return ClientState.STARTING
            self._client.kill(dump=True)
            self._gone(now, f"it was not ready {START_SECONDS:.0f} s after its start")
        elif self._running_since is not None or expected:
            self._gone(now, self._client.ending())
        if now < self._next_start:
            return ClientState.DEAD
        self._start(now)
        return ClientState.STARTING

    def _gone(self, now: float, reason: str) -> None:
        """Note that the agent is gone, and when it is started again."""
        pause = growing(self._failures, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._failures += 1
        self._running_since = None
        self._reason = reason
        self._next_start = now + pause
        self._restarts += 1
        log.warning("the agent is gone: %s; it is started again in %.0f s", reason, pause)

    def _start(self, now: float) -> None:
        self._client.start()
        self._started_at = now
        log.info("the agent is started")

    def _report(self, state: ClientState, look: Look | None) -> None:
        if state is ClientState.STARTING and not self._restarts:
            return  # Nobody may know the instance yet.
        figures = (0, 0) if look is None else (round(look.cpu_percent), look.rss_bytes)
        self._reporter.tell(
            [ClientStatus(name, state, self._restarts, self._reason, *figures) for name in self._settings.instance_id]
        )

    def _end(self) -> None:
        """End the agent as it ends itself: what runs may go on for a while; a second signal is passed on."""
        log.info("%s: the agent is told to end", self._signals[0])
        limit = self._settings.drain_seconds + self._settings.kill_grace_seconds + STOP_MARGIN_SECONDS
        deadline = time.monotonic() + limit
        told = 0
        while self._client.lives:
            if time.monotonic() >= deadline:
                log.error("the agent did not end in %.0f s, and is killed", limit)
                self._client.kill(dump=True)
                return
            if told < len(self._signals):
                told = len(self._signals)
                self._client.term()
            self._woken.clear()
            self._woken.wait(min(0.1, self._settings.watch_seconds))


def main(settings: AgentSettings, unit: str | None) -> None:
    """Watch over an agent: one that is started from here, or the one of a systemd unit."""
    os.umask(PRIVATE_UMASK)
    logs.configure("INFO", logs.file_of_daemon(settings.log_file), "AssistDaemon", settings.json_fields)
    # An agent that is ended since it hangs says where.
    os.environ.setdefault("PYTHONFAULTHANDLER", "1")
    if unit is None:
        client = ClientProcess(settings, [sys.executable, "-m", "cloudassist_agent", "run"])
    else:
        client = UnitProcess(settings, unit)
    Daemon(settings, client).run()
