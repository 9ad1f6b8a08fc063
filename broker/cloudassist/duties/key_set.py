"""Key set: sees to it that the newest one lies on the server, also after that has lost its data."""

import logging
from pathlib import Path
from typing import Final

from cloudassist.errors import ConfigurationError, MessageError
from cloudassist.keyset import KeySet, Root
from cloudassist.looper import Looper
from cloudassist.settings import Settings
from cloudassist.store import key_set
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

REST_SECONDS: Final = 10.0
"""Seconds between two looks at the file and at the server."""


class KeySetKeeper(Looper):
    """The duty; several may run at once, with files of different versions: the newest stays."""

    name = "key-set"

    def __init__(self, ledger: Ledger, settings: Settings, root: Root) -> None:
        super().__init__()
        self._ledger = ledger
        self._file = settings.key_set_file
        self._root = root

    def turn(self) -> float:
        """Compare the two; return the seconds to rest."""
        try:
            if version := publish(self._ledger, self._file, self._root):
                log.warning("key set %d is on the server now", version)
        except ConfigurationError as error:
            log.error("the key set is not looked after: %s", error.message)
        return REST_SECONDS

    def finish(self) -> None:
        """Nothing is held."""


def publish(ledger: Ledger, path: Path, root: Root) -> int:
    """Put the key set of a file on the server, unless one that the root signed and that is no older lies there.

    Returns its version, 0 where it was not put there; raises ConfigurationError where the file is no key set.
    """
    ours, document = KeySet.load(path, root)
    theirs = ledger.call(key_set.read())
    if theirs is not None:
        try:
            if KeySet.open(theirs, root).version >= ours.version:
                return 0
        except MessageError as error:
            log.error("what lies on the server in the place of the key set is none (%s), and is replaced", error)
    ledger.call(key_set.write(document))
    return ours.version
