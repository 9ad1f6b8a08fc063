"""The version of what is written: messages, orders, payloads, and what the ledger holds of a run and of an instance.

It grows when something changes that the version before could not read. Each version reads its own and the one before,
and writes to an instance what that can read; so control plane and agents are upgraded one after the other, the control
plane first. An instance further away gets nothing to run (ClientNeedUpgrade).

1. The first.
2. Secret parameters and passwords of Windows users: the sealed key in an order, ``secrets`` and
   ``windows_password_name`` in a payload.
"""

from typing import Final

from cloudassist.errors import MessageError

CURRENT: Final = 2
"""What is written."""
OLDEST: Final = CURRENT - 1
"""The oldest that is read."""


def check(version: object) -> int:
    """Return a version that can be read; raises MessageError."""
    if type(version) is not int or not OLDEST <= version <= CURRENT:
        raise MessageError("unknown-schema", str(version)[:20])
    return version
