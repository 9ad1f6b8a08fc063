"""What ending a run cost: how many of its processes had to be ended."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Toll:
    """How many processes were ended, and how many of them without their consent."""

    ended: int = 0
    killed: int = 0

    def __str__(self) -> str:
        """Return it as people are told."""
        if not self.ended:
            return "no process was left"
        killed = f", {self.killed} of them killed" if self.killed else ""
        return f"{self.ended} {'process was' if self.ended == 1 else 'processes were'} ended{killed}"
