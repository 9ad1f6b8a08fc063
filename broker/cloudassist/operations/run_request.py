"""What one run of a command was asked for, checked."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from cloudassist.operations import values
from cloudassist.operations.definition import Definition
from cloudassist.operations.targets import Targets
from cloudassist.operations.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The checked arguments of one run of a command.

    ``command_id`` is empty where the run makes its command; then ``keep_command`` says whether it stays. ``timeout``
    and ``working_dir`` are those of this run. ``frequency`` is empty where it is made once; ``deliver_within`` is 0
    where it is for online instances only.
    """

    operation: str
    definition: Definition
    command_id: str = ""
    keep_command: bool = False
    targets: Targets
    parameters: Values = field(repr=False)
    secret_names: frozenset[str]
    timeout: int
    working_dir: str
    username: str
    windows_password_name: str
    frequency: str
    deliver_within: int
    client_token: str

    @property
    def secret_values(self) -> dict[str, str]:
        """Return the values that are to be sealed."""
        return {name: value for name, value in (self.parameters or {}).items() if name in self.secret_names}

    @property
    def clear_values(self) -> Values:
        """Return the others; None where the command has no parameters."""
        if self.parameters is None:
            return None
        return {name: value for name, value in self.parameters.items() if name not in self.secret_names}

    def digest(self) -> str:
        """Return a hash over everything but the token: the same token with another hash is a mistake.

        Secret values are left out: from a hash of one in the ledger, a weak password could be guessed.
        """
        content = _content(self)
        del content["client_token"]
        content["parameters"] = None if self.parameters is None else values.masked(self.parameters, self.secret_names)
        content["secret_names"] = sorted(self.secret_names)
        if self.command_id:
            # Name and description of a command may change; the run that was asked for is the same.
            del content["definition"]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=_content).encode()).hexdigest()


def _content(part: Any) -> dict[str, Any]:
    """Return a dataclass as JSON has it, without the copies that asdict makes of everything in it."""
    return {name: getattr(part, name) for name in part.__slots__}
