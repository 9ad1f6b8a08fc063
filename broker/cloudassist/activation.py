"""The code of an activation: what a machine is given that nobody knows yet, to show that it was invited.

It holds a secret, and the root key that the machine is to trust: so nobody between the operator and the machine can
put a control plane of his own in the place of the real one. Of the secret two things are derived, each by a hash, and
the server keeps of each only what cannot be turned back: of the key that signs requests its public half, of the
password by which the machine gets in its hash. Whoever reads all of the server cannot enrol anything.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from typing import Final, Self

from cloudassist.errors import ConfigurationError
from cloudassist.keyring import KEY_BYTES, SigningKey, encode_key
from cloudassist.keyset import Root

_BEGIN: Final = "a-"
_KEY_DOMAIN: Final = b"cloudassist/activation-key/v1\0"
_PASSWORD_DOMAIN: Final = b"cloudassist/activation-password/v1\0"


@dataclass(frozen=True, repr=False)
class ActivationCode:
    """A code; ``root`` is the key to trust. Only the operator and the machines that are invited have it."""

    root: Root
    _secret: bytes

    @classmethod
    def new(cls, root: Root) -> Self:
        """Make a code that nobody can guess."""
        return cls(root, secrets.token_bytes(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what :meth:`format` wrote; raises ConfigurationError, which does not show it."""
        try:
            body = text.strip().removeprefix(_BEGIN)
            data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if len(data) != 2 * KEY_BYTES or not text.strip().startswith(_BEGIN):
            raise ConfigurationError("the activation code is not a whole one, as `assist activation create` shows it")
        return cls(Root(data[KEY_BYTES:]), data[:KEY_BYTES])

    def format(self) -> str:
        """Return the text that is shown once."""
        return _BEGIN + base64.urlsafe_b64encode(self._secret + self.root.public).decode().rstrip("=")

    @property
    def key(self) -> SigningKey:
        """Return the key that signs requests to enrol."""
        return SigningKey.from_seed(self._derived(_KEY_DOMAIN))

    @property
    def verifier(self) -> str:
        """Return the public half of that key: what the server keeps."""
        return encode_key(self.key.public)

    @property
    def password(self) -> str:
        """Return the password of the activation's user at the server."""
        return self._derived(_PASSWORD_DOMAIN).hex()

    @property
    def password_digest(self) -> str:
        """Return what the server keeps of that password."""
        return hashlib.sha256(self.password.encode()).hexdigest()

    def _derived(self, domain: bytes) -> bytes:
        return hmac.digest(self._secret, domain, hashlib.sha256)


def new_activation_id() -> str:
    """Return the id of a new activation (API a.0: a UUID in capitals)."""
    return str(uuid.uuid4()).upper()


def is_activation_id(value: object) -> bool:
    """Tell whether this may name an activation: it becomes part of a user's name and of access rules."""
    if not isinstance(value, str):
        return False
    try:
        return str(uuid.UUID(value)).upper() == value
    except ValueError:
        return False
