"""The keys of an installation: who may order, and how an instance proves its reports.

============  ==========================  =======================================================================
key           held by                     does
============  ==========================  =======================================================================
root key      nobody who is connected     signs the key set (Ed25519), which names the next two; agents pin it
signing key   producers and dispatch      signs orders (Ed25519)
report key    the aggregator              agrees with each instance on the key of its reports (X25519)
instance key  one instance                the other half of that agreement; never leaves the instance
============  ==========================  =======================================================================

The key of a report's MAC is computed on both sides from one's own private and the other's public key, so no secret
ever travels. Key files are text, readable by their owner only: a key a line, the current one first.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from nacl.bindings import (
    crypto_box_seal,
    crypto_box_seal_open,
    crypto_scalarmult,
    crypto_scalarmult_base,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError, CryptoError

from cloudassist.errors import ConfigurationError, MessageError

KEY_BYTES: Final = 32
"""Bytes of every private and public key (Ed25519 seed, X25519)."""
SIGNATURE_BYTES: Final = 64
"""Bytes of an Ed25519 signature."""

_MAC_DOMAIN: Final = b"cloudassist/report-key/v1\0"
_NAME_DOMAIN: Final = b"cloudassist/name/v1\0"
_NAME_CHARACTERS: Final = 32


@dataclass(frozen=True, repr=False)
class SigningKey:
    """The private key that makes an order an order. ``kid`` names its public half in envelopes."""

    kid: str
    public: bytes
    _secret: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Build the key from its 32 secret bytes."""
        public, secret = crypto_sign_seed_keypair(seed)
        return cls(key_id(public), public, secret)

    @classmethod
    def load(cls, path: Path, kind: str = "signing") -> Self:
        """Read the key of this kind (``signing`` or ``root``) from its file; raises ConfigurationError."""
        return cls.from_seed(_read_keys(path, kind)[0])

    def sign(self, data: bytes) -> bytes:
        """Return the 64 byte signature over ``data``."""
        return crypto_sign(data, self._secret)[:SIGNATURE_BYTES]


@dataclass(frozen=True, repr=False)
class AgreementKey:
    """One side's X25519 key: the region's report key, or the key of one instance."""

    public: bytes
    _secret: bytes

    @classmethod
    def load(cls, path: Path, kind: str) -> Self:
        """Read the current key of this kind (``report`` or ``instance``) from its file; raises ConfigurationError."""
        return cls.load_all(path, kind)[0]

    @classmethod
    def load_all(cls, path: Path, kind: str) -> tuple[Self, ...]:
        """Read the current key and those before it that are still in its file; raises ConfigurationError."""
        return tuple(cls(crypto_scalarmult_base(secret), secret) for secret in _read_keys(path, kind))

    def mac_key(self, instance_id: str, other_public: bytes) -> bytes:
        """Return the key under which this instance's reports are authenticated; both sides get the same.

        Raises MessageError (bad-key) for a public key that is not a point one can agree with.
        """
        if len(other_public) != KEY_BYTES:  # the binding does not look
            raise MessageError("bad-key", f"{len(other_public)} bytes")
        try:
            shared = crypto_scalarmult(self._secret, other_public)
        except RuntimeError:  # a point of low order: everybody could compute what is agreed
            raise MessageError("bad-key", "low order") from None
        return hashlib.sha256(_MAC_DOMAIN + instance_id.encode() + b"\0" + shared).digest()

    def name_of(self, subject: str) -> str:
        """Return a name (32 hexadecimal digits) that only the holder of this key can tell from what it is for."""
        return mac(self._secret, _NAME_DOMAIN + subject.encode())[:_NAME_CHARACTERS]

    def unseal(self, sealed: str) -> bytes:
        """Open what was sealed to this key's public half; raises MessageError (not-sealed-to-us)."""
        try:
            return crypto_box_seal_open(base64.b64decode(sealed, validate=True), self.public, self._secret)
        except (ValueError, TypeError, CryptoError):
            raise MessageError("not-sealed-to-us") from None


def verify(public: bytes, signature: bytes, data: bytes) -> None:
    """Raise MessageError (bad-signature) unless the private half of ``public`` signed ``data``."""
    try:
        crypto_sign_open(signature + data, public)
    except (BadSignatureError, ValueError):
        raise MessageError("bad-signature") from None


def seal(data: bytes, public: bytes) -> str:
    """Return data as only the holder of the other half of ``public`` can read it, in Base64.

    Raises MessageError (bad-key) for a public key that nothing can be sealed to.
    """
    try:
        return base64.b64encode(crypto_box_seal(data, public)).decode()
    except RuntimeError:  # a point of low order: everybody could open it
        raise MessageError("bad-key", "low order") from None


def key_id(public: bytes) -> str:
    """Return the short name of a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def mac(key: bytes, data: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of ``data``."""
    return hmac.digest(key, data, "sha256").hex()


def same_mac(one: str, other: str) -> bool:
    """Compare two MACs in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def encode_key(public: bytes) -> str:
    """Return the text form of a public key."""
    return base64.urlsafe_b64encode(public).decode().rstrip("=")


def decode_key(text: str, where: str) -> bytes:
    """Read the text form of a key; raises ConfigurationError that names ``where`` it stands."""
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{where} has a key that is not {KEY_BYTES} bytes of Base64")
    return key


def decode_public_key(text: str) -> bytes:
    """Read the text form of a public key that came in a message; raises MessageError (bad-key)."""
    try:
        return decode_key(text, "public_key")
    except ConfigurationError as error:
        raise MessageError("bad-key", error.message) from None


def create_key(path: Path, kind: str) -> bool:
    """Write a new key of this kind unless the file exists; return whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"cloudassist-{kind}-v1 {encode_key(secrets.token_bytes(KEY_BYTES))}\n")
    return True


def _read_keys(path: Path, kind: str) -> list[bytes]:
    try:
        lines = path.read_text(encoding="ascii").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the {kind} key {path} cannot be read: {error}") from None
    keys = []
    for line in filter(None, map(str.strip, lines)):
        label, _, value = line.partition(" ")
        if label != f"cloudassist-{kind}-v1":
            raise ConfigurationError(f"{path} is not a {kind} key")
        keys.append(decode_key(value, str(path)))
    if not keys:
        raise ConfigurationError(f"{path} is empty, and not a {kind} key")
    return keys
