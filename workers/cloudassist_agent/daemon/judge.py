"""Whether an agent has to be replaced: the daemon's rule, without any system under it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloudassist_agent.signs import Heard

NAMED: Final = 5
"""Silent threads that are named, the most."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What an idle agent may use: percent of one processor, bytes of memory.

    It is judged ``settle_seconds`` after its start, and exceeded after ``strikes`` looks in a row.
    """

    cpu_percent: float
    rss_bytes: int
    strikes: int
    settle_seconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of an agent at ``now`` (monotonic seconds): its age, its use since the last look, its threads.

    ``is_late`` tells that the daemon itself was held up (a machine that was suspended): nobody can be blamed then.
    """

    now: float
    age: float
    cpu_percent: float
    rss_bytes: int
    signs: Sequence[Heard]
    is_late: bool = False

    @property
    def is_idle(self) -> bool:
        """Tell whether no record is in hand."""
        return not any(heard.runs_script for heard in self.signs)


class Judge:
    """Remembers the strikes against one agent."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._strikes = 0
        self._was_idle = False

    def judge(self, look: Look) -> str:
        """Return why the agent has to be replaced; empty where it is well."""
        if look.is_late:
            return ""
        return self._hang(look) or self._excess(look)

    def forget(self) -> None:
        """Begin anew, for another agent."""
        self._strikes = 0
        self._was_idle = False

    def _hang(self, look: Look) -> str:
        silent = [heard for heard in look.signs if heard.deadline < look.now]
        if not silent:
            return ""
        names = ", ".join(heard.name for heard in silent[:NAMED])
        return f"{len(silent)} of its threads gave no sign of life in time: {names}"

    def _excess(self, look: Look) -> str:
        budget = self._budget
        # What was used since the last look counts only where it was idle all the time.
        idle, self._was_idle = self._was_idle and look.is_idle, look.is_idle
        excess = self._used(look) if idle and look.age >= budget.settle_seconds else ""
        self._strikes = self._strikes + 1 if excess else 0
        return f"while idle it used {excess}, {self._strikes} times in a row" if self._strikes >= budget.strikes else ""

    def _used(self, look: Look) -> str:
        if look.cpu_percent >= self._budget.cpu_percent:
            return f"{look.cpu_percent:.0f} % of a processor (the limit is {self._budget.cpu_percent:.0f} %)"
        if look.rss_bytes > self._budget.rss_bytes:
            limit = self._budget.rss_bytes // 2**20
            return f"{look.rss_bytes // 2**20} MiB of memory (the limit is {limit} MiB)"
        return ""
