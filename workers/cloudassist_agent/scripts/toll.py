"""What ending a run cost: how many of its processes had to be ended."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Toll:
    """How many processes were ended, and how many of them without their consent; how many could not be."""

    ended: int = 0
    killed: int = 0
    left: int = 0

    def __str__(self) -> str:
        """Return it as people are told."""
        if not self.ended and not self.left:
            return "no process was left"
        killed = f", {self.killed} of them killed" if self.killed else ""
        left = f", {self.left} left that the kernel does not let go" if self.left else ""
        return f"{_processes(self.ended)} ended{killed}{left}"


def _processes(number: int) -> str:
    return "no process was" if number == 0 else "1 process was" if number == 1 else f"{number} processes were"
