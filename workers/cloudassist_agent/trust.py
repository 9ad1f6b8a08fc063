"""What an agent believes: the root key that it was told of, and the newest key set which that has signed.

The key set is kept on the disk as well: whoever writes to the server could put an older one there, in which a key
counts that has been revoked since.
"""

import logging
import os
from pathlib import Path

from cloudassist.errors import MessageError, ServiceUnavailableError
from cloudassist.keyring import AgreementKey
from cloudassist.keyset import KeySet, Root
from cloudassist_agent.settings import AgentSettings

log = logging.getLogger(__name__)


class Trust:
    """The keys that count for one agent; ``own`` is the instance's key. Safe to share between threads."""

    def __init__(self, settings: AgentSettings, own: AgreementKey) -> None:
        self._root = Root.of(settings)
        self._own = own
        self._file = settings.key_set_copy
        # Together, so that no key is computed from one key set and kept with another.
        self._known: tuple[KeySet, dict[str, bytes]] | None = None
        self.reload()

    @property
    def version(self) -> int:
        """Return the version of the key set that is known; 0 where none is."""
        return 0 if self._known is None else self._known[0].version

    @property
    def keys(self) -> KeySet:
        """Return the key set; raises MessageError (no-key-set) where none is known."""
        if self._known is None:
            raise MessageError("no-key-set")
        return self._known[0]

    def offer(self, document: bytes | None) -> None:
        """Take a key set that is newer than the known one; None: there is none.

        Raises MessageError where it is none that the root has signed, and (old-key-set) where it is older.
        """
        if document is None:
            return
        offered = KeySet.open(document, self._root)
        if offered.version < self.version:
            raise MessageError("old-key-set", f"{offered.version}, where {self.version} is known")
        if offered.version > self.version:
            self._known = offered, {}
            self._write(document)
            log.info("the key set has version %d", offered.version)

    def reload(self) -> None:
        """Take what is kept on the disk, where that is newer."""
        try:
            kept = KeySet.open(self._file.read_bytes(), self._root)
        except FileNotFoundError:
            return
        except (OSError, MessageError) as error:
            log.error("%s is not believed: %s", self._file, error)
            return
        if kept.version > self.version:
            self._known = kept, {}

    def mac_key(self, instance_id: str) -> bytes:
        """Return the key of what an instance says; raises ServiceUnavailableError where no key set is known."""
        if self._known is None:
            raise ServiceUnavailableError("no key set is known yet, and so nobody to report to")
        keys, computed = self._known
        if instance_id not in computed:
            computed[instance_id] = self._own.mac_key(instance_id, keys.report)
        return computed[instance_id]

    def _write(self, document: bytes) -> None:
        fresh = Path(f"{self._file}.new")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(document)
            fresh.replace(self._file)
        except OSError as error:
            log.error("the key set is not kept, and an older one may be believed after a restart: %s", error)
