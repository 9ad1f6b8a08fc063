"""A producer that runs scripts whatever happens. Each writes its record's id to a file of its instance."""

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cloudassist import Assistant, Invocation, LocalStack
from cloudassist.errors import ServiceUnavailableError
from support.cast import NAMES

PACE_SECONDS = 0.15
"""Seconds between two runs."""
RATE_SECONDS = 10
EXIT_CODES = (0, 0, 3)
SECONDS = (0.0, 0.1, 1.5)
"""Seconds that a script takes."""
LASTING_SECONDS = 8.0
STOPPED_SHARE = 0.15


@dataclass
class Load:
    """The producer. A run is named after what is to come of it."""

    stack: LocalStack
    choices: random.Random
    folder: Path
    refused: int = 0

    def recur(self, assistant: Assistant) -> Invocation:
        """Begin the run that recurs."""
        return self._run(assistant, NAMES, seconds=0.1, frequency=f"rate({RATE_SECONDS}s)")

    def go_on(self, ended: threading.Event) -> None:
        """Run scripts, and stop some, until the mischief has ended."""
        with self.stack.assistant() as assistant:
            while not ended.wait(PACE_SECONDS):
                code, seconds = self.choices.choice(EXIT_CODES), self.choices.choice(SECONDS)
                names = self.choices.sample(NAMES, self.choices.randint(2, len(NAMES)))
                try:
                    run = self._run(assistant, names, code=code, seconds=seconds)
                    if self.choices.random() < STOPPED_SHARE:
                        run.stop()
                except ServiceUnavailableError:
                    self.refused += 1

    def lasting(self, assistant: Assistant, name: str) -> Invocation:
        """Run a script that lasts long enough to be stopped."""
        return self._run(assistant, [name], seconds=LASTING_SECONDS)

    def have_begun(self, record_ids: Iterable[str]) -> bool:
        """Tell whether the scripts of all these records have, whatever the ledger has heard."""
        lines = [line for file in self.folder.iterdir() for line in file.read_text().splitlines()]
        return set(record_ids) <= set(lines)

    def last(self, assistant: Assistant) -> None:
        """Run one more on all of them, to its end."""
        self._run(assistant, NAMES).wait(30)

    def _run(
        self, assistant: Assistant, names: list[str], *, code: int = 0, seconds: float = 0.0, frequency: str = ""
    ) -> Invocation:
        log = f'echo "$CLOUDASSIST_RECORD_ID" >> {self.folder}/${{CLOUDASSIST_RECORD_ID##*.}}'
        script = f'{log}; sleep {seconds}; echo "by $CLOUDASSIST_RECORD_ID"; exit {code}'
        return assistant.run_command(script, instance_ids=names, name=f"exits {code}", frequency=frequency)
