"""Whether a message is from the instance that it names, and about what that instance may speak of."""

from collections.abc import Sequence

from cloudassist import ids, keyring
from cloudassist.duties.letter import Letter
from cloudassist.errors import MessageError
from cloudassist.keyring import AgreementKey
from cloudassist.messages import Registration, Report
from cloudassist.store import instances
from cloudassist.store.ledger import Ledger


class Proofs:
    """The MAC keys of instances, computed once each, and again where a MAC did not fit.

    What does not fit is not believed, but changes nothing for what comes with it: anybody could have sent it.
    """

    def __init__(self, ledger: Ledger, keys: Sequence[AgreementKey]) -> None:
        self._ledger = ledger
        self._keys = keys
        self._known: dict[str, tuple[bytes, ...]] = {}
        self._doubted: set[str] = set()
        self._revocations = 0

    def note(self, revocations: int) -> None:
        """Forget what is known where instances were deregistered since: their keys count no more."""
        if revocations != self._revocations:
            self._revocations = revocations
            self._known.clear()

    def prepare(self, instance_ids: set[str]) -> None:
        """Read the public keys that are not known yet, in one round trip."""
        missing = sorted(instance_ids - (self._known.keys() - self._doubted))
        self._doubted -= instance_ids
        texts = self._ledger.run([instances.read_public_key(instance_id) for instance_id in missing])
        for instance_id, text in zip(missing, texts, strict=True):
            if not text:
                self._known.pop(instance_id, None)
            else:
                self._known[instance_id] = self._mac_keys(instance_id, keyring.decode_public_key(text))

    def prove(self, letter: Letter) -> None:
        """Raise MessageError unless the instance sent this, and may."""
        if isinstance(letter.message, Registration):
            self.check_registration(letter)
        else:
            self.check(letter)

    def check_registration(self, letter: Letter) -> None:
        """Raise MessageError unless the sender holds the private half of the key that it names."""
        registration = letter.message
        assert isinstance(registration, Registration)
        public = keyring.decode_public_key(registration.public_key)
        if not _fits(letter, self._mac_keys(registration.instance_id, public)):
            raise MessageError("bad-mac")
        self._known.pop(registration.instance_id, None)

    def check(self, letter: Letter) -> None:
        """Raise MessageError unless the instance sent this, and about itself or a record of its own."""
        instance_id = letter.message.instance_id
        if isinstance(letter.message, Report) and ids.split_record_id(letter.message.record_id)[1] != instance_id:
            raise MessageError("foreign-record")
        keys = self._known.get(instance_id)
        if keys is None:
            raise MessageError("unknown-instance")
        if not _fits(letter, keys):
            self._doubted.add(instance_id)
            raise MessageError("bad-mac")

    def _mac_keys(self, instance_id: str, public: bytes) -> tuple[bytes, ...]:
        """Return the keys that an instance may use: one for each report key that still counts."""
        return tuple(key.mac_key(instance_id, public) for key in self._keys)


def _fits(letter: Letter, keys: Sequence[bytes]) -> bool:
    return any(keyring.same_mac(keyring.mac(key, letter.body), letter.mac) for key in keys)
